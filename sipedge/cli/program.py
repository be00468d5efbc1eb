"""The commands of sipedge: what they are called and how they end."""

import sys

import typer
from typer.exceptions import TyperException

from sipedge.cli import calls, check, data, database, demo, explain, lines, release, why
from sipedge.cli import run as run_command
from sipedge.cli.output import (
    EXIT_DONE,
    EXIT_INTERRUPTED,
    EXIT_WRONG,
    close_quietly,
    print_error,
    report,
)

app = typer.Typer(
    name="sipedge",
    help="A SIP telephony edge that sells, counts and enforces simultaneous calls.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(run_command.run)
app.command("check-config")(check.check_config)
app.command("import")(data.import_data)
app.command("export")(data.export_data)
app.add_typer(lines.app, name="line")
app.add_typer(database.app, name="db")
for command in (calls, why, explain, release, demo):
    command.register(app)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit status. A command may return its status or None for 0."""
    try:
        status = app(arguments, prog_name="sipedge", standalone_mode=False)
        sys.stdout.flush()
    except TyperException as error:
        return _report_wrong_use(error)
    except (typer.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        close_quietly()
        return EXIT_DONE
    except SystemExit as end:
        # What typer makes of a reader that left while the command still printed.
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        close_quietly()
        return EXIT_DONE
    except Exception as error:  # noqa: BLE001 - report() raises what it does not know again
        return report(error)
    return status if isinstance(status, int) else EXIT_DONE


def _report_wrong_use(error: TyperException) -> int:
    """Print what is wrong with the arguments; a bare group of commands has printed its help."""
    message = error.format_message()
    if message:
        print_error(f"{message.rstrip('.')}. See --help.")
    return EXIT_WRONG
