from dataclasses import replace
from pathlib import Path

from sipedge.stores.bindings import DeletedBinding, StoredBinding
from tests.contracts.stored import stores_on

BINDING = StoredBinding(
    aor="0033972100001",
    contact_uri=b"sip:0033972100001@192.0.2.7:5060;x=\x00\xff",
    listener=1,
    transport="UDP",
    host="2001:db8::7",
    port=5060,
    q=1000,
    expires_at=1_700_000_000.5,
    call_id=b"a\x00b@\xff",
    cseq=2**31 - 1,
    instance=b"",
    reg_id=0,
    path=b"<sip:p.test;lr>",
    user_agent=b"Phone \xe9",
    updated_at=1_700_000_000.25,
)


async def test_bindings_outlive_the_process_byte_for_byte(
    database_url: str, tmp_path: Path
) -> None:
    async with stores_on(database_url, tmp_path) as stores:
        await stores.bindings.apply([BINDING])
    async with stores_on(database_url, tmp_path) as stores:
        assert await stores.bindings.load_all() == [BINDING]


async def test_a_refresh_replaces_and_the_last_write_counts(
    database_url: str, tmp_path: Path
) -> None:
    later = replace(BINDING, cseq=7, expires_at=1_800_000_000.0)
    ended = DeletedBinding(BINDING.aor, BINDING.contact_uri)
    async with stores_on(database_url, tmp_path) as stores:
        await stores.bindings.apply([BINDING])
        await stores.bindings.apply([ended, later])
        assert await stores.bindings.load_all() == [later]
        await stores.bindings.apply([replace(BINDING, cseq=8), ended])
        assert await stores.bindings.load_all() == []
        await stores.bindings.apply([ended])
        await stores.bindings.apply([])


async def test_flows_of_one_phone_are_bindings_of_their_own(
    database_url: str, tmp_path: Path
) -> None:
    flows = [replace(BINDING, instance=b"<urn:uuid:1>", reg_id=number) for number in (1, 2)]
    async with stores_on(database_url, tmp_path) as stores:
        await stores.bindings.apply([*flows, BINDING])
        await stores.bindings.apply(
            [DeletedBinding(BINDING.aor, BINDING.contact_uri, b"<urn:uuid:1>", 1)]
        )
        assert await stores.bindings.load_all() == [BINDING, flows[1]]


async def test_a_large_batch_is_one_write(database_url: str, tmp_path: Path) -> None:
    bindings = [replace(BINDING, aor=f"0033972{number:06}") for number in range(3_000)]
    async with stores_on(database_url, tmp_path) as stores:
        await stores.bindings.apply(bindings)
        assert await stores.bindings.load_all() == bindings
        ended = [DeletedBinding(binding.aor, binding.contact_uri) for binding in bindings]
        await stores.bindings.apply(ended[:2_999])
        assert await stores.bindings.load_all() == bindings[2_999:]
