# SPDX-License-Identifier: GPL-2.0-or-later
"""What a fix says of its bank in HELLO, and what must agree between all fixes that share one."""

from __future__ import annotations

from mdsieve import _core
from mdsieve.driver.messages import Hello


class BankMismatch(ValueError):
    """A fix whose descriptor, thresholds or scaling are not the campaign's; one line that says what
    differs.
    """


def identity_of(hello: Hello) -> dict:
    """What must agree between all fixes that share a bank."""
    return {
        "descriptor": hello.info["descriptor_hash"],
        "elements": hello.info["elements"],
        "thresholds": [float(value) for value in hello.info["thresholds"]],
    }


def require_same_identity(hello: Hello, own: dict, whose: str, advice: str) -> None:
    """Refuse a fix whose descriptor, elements or thresholds are others.

    Parameters
    ----------
    hello : Hello
    own : dict
        What is expected, with the keys of `identity_of`; ``scaling`` may be among them.
    whose, advice : str
        For the message: whose identity it is, and what to do.

    Raises
    ------
    BankMismatch
    """
    try:
        theirs = identity_of(hello) | {"scaling": scaling_words(hello)}
    except KeyError as error:
        raise BankMismatch(f"HELLO of fix {hello.info.get('fix')} lacks {error}") from None
    for what, value in own.items():
        if theirs[what] != value:
            raise BankMismatch(
                f"fix {hello.info['fix']}: its {what} {_shown(what, hello, theirs)} is not that of "
                f"{whose} ({_text(value)}){advice}"
            )


def scaling_words(hello: Hello) -> list:
    """Where the scaling comes from, its kind and the frames of its pilot."""
    return [hello.info["scaling"].get(key) for key in ("source", "kind", "pilot")]


def descriptor_of(hello: Hello) -> _core.Descriptor:
    """The descriptor of a fix, read again from its text.

    Raises
    ------
    BankMismatch
        If the text cannot be read, or not as the plugin read it.
    """
    info = hello.info
    try:
        descriptor = _core.parse_input_nn(
            info["descriptor_text"], info["descriptor_name"], info["length_unit"]
        )
        if descriptor.elements != info["elements"]:
            raise ValueError(
                f"{info['descriptor_name']} is for {_text(descriptor.elements)}, not for its elements"
            )
        if descriptor.hash == info["descriptor_hash"]:
            return descriptor
    except KeyError as error:
        raise BankMismatch(f"HELLO of fix {info.get('fix')} lacks {error}") from None
    except ValueError as error:
        raise BankMismatch(f"fix {info['fix']}: {error}") from None
    raise BankMismatch(
        f"fix {info['fix']}: the driver reads {info['descriptor_name']} differently from the plugin: "
        "install both from the same mdsieve"
    )


def scaling_of(hello: Hello, descriptor: _core.Descriptor) -> tuple[_core.Scaling | None, int]:
    """The scaling that a fix asks for, None if it is still to be fitted, and on how many frames.

    Raises
    ------
    BankMismatch
        If what was sent does not fit together.
    """
    try:
        return _scaling(hello, descriptor)
    except KeyError as error:
        raise BankMismatch(f"HELLO of fix {hello.info.get('fix')} lacks {error}") from None
    except ValueError as error:
        raise BankMismatch(f"fix {hello.info['fix']}: {error}") from None


def _scaling(hello: Hello, descriptor: _core.Descriptor) -> tuple[_core.Scaling | None, int]:
    scaling = hello.info["scaling"]
    n_features = [len(descriptor.columns(i)) for i in range(len(hello.info["elements"]))]
    match scaling["source"]:
        case "none":
            return _core.Scaling.identity(n_features), 0
        case "file":
            return _core.parse_scaling_data(scaling["text"], scaling["name"], descriptor, scaling["kind"]), 0
        case "bank":
            return _core.EnvironmentBank.deserialise(bytes(hello.bank), "the bank file").scaling, 0
        case "pilot":
            if scaling["pilot"] < 1:
                raise ValueError(f"scaling pilot {scaling['pilot']}: expected 1 frame or more")
            return None, int(scaling["pilot"])
    raise ValueError(f"scaling {scaling['source']}: expected file, pilot, none or bank")


def _shown(what: str, hello: Hello, identity: dict) -> str:
    if what == "descriptor":
        return f"{hello.info['descriptor_name']} ({identity[what][:12]})"
    return _text(identity[what])


def _text(value) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)[:12]
