from __future__ import annotations
import argparse, sys
from datetime import date
from tongbao_sim.history import Plan, write
a=argparse.ArgumentParser(); s=a.add_subparsers(dest="c"); h=s.add_parser("history")
for n,d in (("seed",1),("people",5000),("shops",300),("days",90),("payments",200000)): h.add_argument("--"+n,type=int,default=d)
h.add_argument("--until",type=date.fromisoformat); h.add_argument("--balances",action="store_true")
x=a.parse_args()
write(Plan(seed=x.seed,people=x.people,shops=x.shops,days=x.days,payments=x.payments,until=x.until,balances=x.balances),sys.stdout.buffer)
