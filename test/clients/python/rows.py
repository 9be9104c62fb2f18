"""A row is one operation: it is tried, and what came of it is printed as a line of JSON."""

import json
import os
import time

import hvac
from hvac import exceptions

PATIENCE_SECONDS = 20

STATUS_OF = {
    exceptions.InvalidRequest: 400,
    exceptions.Forbidden: 403,
    exceptions.InvalidPath: 404,
    exceptions.VaultDown: 503,
}


class Wrong(Exception):
    """A row that does not hold, in words."""


def works(row):
    """The decorated function must succeed. It runs at once."""

    def tell(act):
        try:
            act()
        except Exception as error:  # whatever it is, it belongs to this row
            _print(row, "failed", f"{type(error).__name__}: {error}")
        else:
            _print(row, "works")

    return tell


def refused(row, status, words):
    """The decorated function must be refused with this status and these words."""

    def tell(act):
        try:
            act()
        except exceptions.VaultError as error:
            told = error.args[0] or error.text or ""
            # hvac has no class of its own for 405 and others.
            got = STATUS_OF.get(type(error), status if type(error) is exceptions.UnexpectedError else 0)
            if got == status and words in told:
                _print(row, "refused")
            else:
                _print(row, "failed", f"refused with {got} {told!r}, not with {status} {words!r}")
        except Exception as error:
            _print(row, "failed", f"it failed otherwise: {type(error).__name__}: {error}")
        else:
            _print(row, "failed", "it was not refused")

    return tell


def expect(what, got, want):
    if got != want:
        raise Wrong(f"{what} is {got!r}, not {want!r}")


def expect_missing(act):
    """hvac raises InvalidPath for what is not there."""
    try:
        act()
    except exceptions.InvalidPath:
        return
    raise Wrong("it is there")


def until(what, look):
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            if look():
                return
        except exceptions.VaultError:
            pass
        time.sleep(0.02)
    raise Wrong(f"waited {PATIENCE_SECONDS} s in vain for {what}")


def note(*secrets):
    """Keeps secrets out of every output: the caller of this program looks for them afterwards."""
    with open(os.environ["CLIENT_SECRETS"], "a", encoding="utf-8") as file:
        file.writelines(f"{secret}\n" for secret in secrets)


def connect(address, token=None):
    # The empty text keeps hvac from looking for a token of its own.
    return hvac.Client(url=address, token=token or "", verify=os.environ["CLIENT_CACERT"])


def _print(row, outcome, why=""):
    print(json.dumps({"row": row, "outcome": outcome, "why": why}), flush=True)
