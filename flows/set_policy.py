"""Set the router's policy: its mode, everything to large, and overrides. Every router follows within seconds."""

import getpass
import re
from argparse import ArgumentTypeError, Namespace
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from flows.command import CommandParser, run
from smart_routing.errors import InputError, SettingsError
from smart_routing.labels import QueryWeight
from smart_routing.policy import Match, Override, PolicyDocument
from smart_routing.policy_change import PolicyChange, change_policy, override_text
from smart_routing.policy_store import PolicyStore, open_policy
from smart_routing.querylog.s3 import connect
from smart_routing.rollout import RouterMode
from smart_routing.settings import S3Settings, ServingSettings

S3_PATIENCE_SECONDS: Final = 5.0
_TTL: Final = re.compile(r"([1-9][0-9]{0,4})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class PolicySummary:
    """The policy as it now stands, and what this order did to it."""

    file: str
    document: PolicyDocument
    changes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        document = self.document
        return {
            "file": self.file,
            "revision": document.revision,
            "changes": list(self.changes),
            "mode": document.mode.value,
            "canary_share": document.canary_share,
            "control_share": document.control_share,
            "all_large": document.all_large,
            "overrides": [override_text(entry) for entry in document.overrides],
        }

    def __str__(self) -> str:
        document = self.document
        canary = f" of {document.canary_share:.4g} of the users" if document.mode == RouterMode.CANARY else ""
        ordered = " (so nothing goes to large)" if document.mode == RouterMode.OFF else ", everything to large"
        large = ordered if document.all_large else ""
        return (
            f"revision {document.revision}: {', '.join(self.changes)}. In force: {document.mode}{canary}{large}, "
            f"{len(document.overrides)} overrides, {document.control_share:.4g} of the users as control group"
        )


def main() -> None:
    parser = CommandParser(module="flows.set_policy", description=str(__doc__))
    parser.add_argument("--mode", type=_mode, metavar="{off,shadow,canary,full}", help="how far trino-gateway follows")
    parser.add_argument("--share", type=_share, metavar="S", help="share of the users in the canary, above 0 to 1")
    parser.add_argument("--all-large", type=_switch, metavar="{on,off}", help="send every statement to the large group")
    parser.add_argument(
        "--override",
        action="append",
        default=[],
        metavar="FIELD=VALUE:GROUP",
        help="always send these to a group: user=etl:large; also source, catalog, schema; may be repeated",
    )
    parser.add_argument("--ttl", type=_ttl, metavar="2h", help="how long the overrides last: s, m, h or d")
    parser.add_argument(
        "--remove-override", action="append", default=[], metavar="FIELD=VALUE", help="end an override; may be repeated"
    )
    parser.add_argument(
        "--file", metavar="F", help="the policy file, a path or s3://bucket/key; default: the setting's"
    )
    parser.add_argument(
        "--replace", action="store_true", help="a file that cannot be used: keep a copy, start from an empty policy"
    )
    parser.add_argument("--reason", help="why, for the history")
    run(parser, _command, needs_prefect=False)


def _command(options: Namespace) -> PolicySummary:
    settings, now, by = ServingSettings.load(), datetime.now(UTC), getpass.getuser()
    store = _open(options.file, settings)
    change = _change(options, settings=settings, by=by, now=now)
    document = change_policy(store, change, by=by, now=now, reason=options.reason, replaces_unusable=options.replace)
    return PolicySummary(str(store), document, change.told())


def _open(file: str | None, settings: ServingSettings) -> PolicyStore:
    url = file or settings.policy_file
    if url is None:
        name = settings.variable("policy_file")
        raise SettingsError(f"{name} is unset: expected the file that the routers follow, or --file")
    return open_policy(url, lambda: connect(S3Settings.load().endpoint_url, patience_seconds=S3_PATIENCE_SECONDS))


def _change(options: Namespace, *, settings: ServingSettings, by: str, now: datetime) -> PolicyChange:
    if options.ttl and not options.override:
        raise InputError("--ttl without --override: only overrides expire")
    if options.share is not None and options.mode not in (None, RouterMode.CANARY):
        raise InputError(f"--share with --mode {options.mode}: only a canary has a share")
    read = partial(_override, settings=settings, ends=now + options.ttl if options.ttl else None, note=by)
    change = PolicyChange(
        mode=options.mode,
        canary_share=options.share,
        all_large=options.all_large,
        overrides=tuple(read(text) for text in options.override),
        removed=tuple(_match(text, option="--remove-override") for text in options.remove_override),
    )
    if not change.told():
        raise InputError("nothing to change: expected --mode, --share, --all-large, --override or --remove-override")
    return change


def _override(text: str, *, settings: ServingSettings, ends: datetime | None, note: str) -> Override:
    weights = {settings.small_group: QueryWeight.LIGHT, settings.large_group: QueryWeight.HEAVY}
    matched, _, group = text.rpartition(":")
    if group not in weights:
        raise InputError(f"--override is {text!r}: expected FIELD=VALUE:GROUP, the group {' or '.join(weights)}")
    match = _match(matched, option="--override")
    return Override(match=match, decision=weights[group], expires_at=ends, note=note)


def _match(text: str, *, option: str) -> Match:
    field, _, value = text.partition("=")
    if field not in Match.__struct_fields__ or not value:
        fields = ", ".join(Match.__struct_fields__)
        raise InputError(f"{option} is {text!r}: expected FIELD=VALUE, the field one of {fields}")
    return Match(**{field: value})


def _mode(text: str) -> RouterMode:
    try:
        return RouterMode(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no mode: expected {', '.join(RouterMode)}") from error


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0.0 < share <= 1.0:
        raise ArgumentTypeError(f"{text!r} is no share: expected a number above 0, at most 1")
    return share


def _switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise ArgumentTypeError(f"{text!r}: expected on or off")
    return text == "on"


def _ttl(text: str) -> timedelta:
    found = _TTL.fullmatch(text)
    if found is None:
        raise ArgumentTypeError(f"{text!r}: expected a whole number and s, m, h or d, like 2h")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


if __name__ == "__main__":
    main()
