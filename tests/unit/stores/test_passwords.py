from argon2 import PasswordHasher

from sipedge.stores.passwords import ConsolePasswords

# Cheap ones: what is tested is what we make of them.
PASSWORDS = ConsolePasswords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


async def test_a_password_verifies_against_its_hash_only() -> None:
    first, second = await PASSWORDS.hash("a"), await PASSWORDS.hash("a")
    assert first != second
    assert first.startswith("$argon2id$")
    assert await PASSWORDS.verify(first, "a")
    assert not await PASSWORDS.verify(first, "b")


async def test_what_is_no_hash_verifies_nothing() -> None:
    for text in ("", "$argon2id$", "plain", "$argon2id$v=19$m=8,t=1,p=1$$"):
        assert not await PASSWORDS.verify(text, "plain")


async def test_hashes_cost_what_the_module_says() -> None:
    assert "$m=65536,t=3,p=4$" in await ConsolePasswords().hash("a")
