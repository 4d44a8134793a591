"""What a developer is told about a call that was refused, in the monitor and in a recording. Nothing here runs for a call that is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetryd.errors import INTERNAL, InvalidArgumentsError, TelemetrydError, UnknownSourceError
from telemetryd.redact import INTERNAL_TEXT

if TYPE_CHECKING:
    from telemetryd.bus.transport.library import Message

_OF_THE_BUS = "org.freedesktop.DBus."
"""The beginning of the names of interfaces whose calls name no application."""
_SAMPLE, _SAMPLES = ("Push", "ssv"), ("PushMany", "sa{sv}")


def describe_refusal(call: Message | None, failure: Exception) -> dict[str, Any]:
    """Everything about a refused call but its values. None is a call that was not read, because it is too long or has too many values.

    Always `call` (the member, or ""), `error` and `message`. If known `application`, `source`, `type` of the sample or `types` of several
    (source → type), and the `expected` and `received` signature if they differ.
    """
    about: dict[str, Any] = {"call": ""} if call is None else _about(call, failure)
    if isinstance(failure, TelemetrydError):
        return {**about, "error": failure.bus_name, "message": str(failure)}
    return {**about, "error": INTERNAL, "message": INTERNAL_TEXT}


def sentence(refusal: dict[str, Any]) -> str:
    """The message of a refusal, with what else there is to say: the received signature, or the member if the source does not say enough."""
    if "received" in refusal:
        return f"{refusal['message']}, and {refusal['call']} came with '{refusal['received']}'"
    return f"{refusal['call']}: {refusal['message']}" if refusal["call"] and "source" not in refusal else str(refusal["message"])


def _about(call: Message, failure: Exception) -> dict[str, Any]:
    about: dict[str, Any] = {"call": call.member or ""}
    application = call.body[0] if call.body else None
    if isinstance(application, str) and not (call.interface or "").startswith(_OF_THE_BUS):
        about["application"] = application
    return about | _arguments(call, failure)


def _arguments(call: Message, failure: Exception) -> dict[str, Any]:
    if isinstance(failure, InvalidArgumentsError) and failure.signature is not None:
        return {"expected": failure.signature, "received": call.signature}
    unknown = {"source": failure.source} if isinstance(failure, UnknownSourceError) and failure.source else {}
    if (call.member, call.signature) == _SAMPLE:
        return {"source": call.body[1], "type": call.body[2].signature}
    if (call.member, call.signature) == _SAMPLES:
        return {**unknown, "types": {source: sample.signature for source, sample in call.body[1].items()}}
    return unknown
