"""`python -m tongbao_sandbox bank | cards | identity | push | sms | webhooks`: firms that are not the bank; on loopback, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tongbao_sandbox import card_network, identity_provider, push, sms, webhooks
from tongbao_sandbox.bank import Bank, Chance
from tongbao_sandbox.serving import serve


def main(argv: list[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    act: int = options.act(options)
    return act


def _bank(options: argparse.Namespace) -> int:
    chance = Chance(
        seed=options.seed,
        decline=options.decline_per_mille,
        late=options.late_per_mille,
        lose=options.lose_per_mille,
    )
    bank = Bank(options.data, chance, late_s=options.late_s)
    sys.stderr.write(f"tongbao_sandbox: a bank at http://127.0.0.1:{options.port}, its books in {options.data}\n")
    try:
        serve(bank.application, options.port)
    finally:
        bank.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tongbao_sandbox", description=__doc__)
    parts = parser.add_subparsers(required=True)
    bank = parts.add_parser("bank", help="another bank that sends money when it is asked to")
    bank.set_defaults(act=_bank)
    bank.add_argument("--port", type=int, required=True, help="on 127.0.0.1")
    bank.add_argument("--data", type=Path, required=True, help="folder of its books; they survive a restart")
    bank.add_argument("--seed", type=int, default=0, help="of its chance: the same request has the same fate")
    bank.add_argument("--late-s", type=int, default=15, help="how late a late answer comes; 15 unless told")
    for name, what in (("decline", "declined"), ("late", "done and answered late"), ("lose", "done, the answer lost")):
        bank.add_argument(f"--{name}-per-mille", type=int, default=0, help=f"of requests are {what}; 0 unless told")
    card_network.add_to(parts)
    identity_provider.add_to(parts)
    push.add_to(parts)
    sms.add_to(parts)
    webhooks.add_to(parts)
    return parser


if __name__ == "__main__":
    sys.exit(main())
