"""A made-up city: people, firms, shops, who works, lives and shops where. The same seed gives the same city."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tongbao_sim import words
from tongbao_sim.chance import Chance

MINUTE_MS = 60_000
DAY_MS = 86_400_000
UTC_AHEAD_MS = 8 * 3_600_000
"""The city keeps Beijing time, UTC+8 without summer time."""


class Band(msgspec.Struct, frozen=True):
    """A stretch of the day, in minutes after midnight, and how much of a working and of a free day falls into it."""

    start: int
    end: int
    working: int
    free: int


class Good(msgspec.Struct, frozen=True):
    """Something sold; prices in fen, from `low` to `high` in steps of `step`."""

    name: str
    low: int
    high: int
    step: int


class Category(msgspec.Struct, frozen=True):
    """A kind of shop. `share` is how many of a hundred shops are of it (1: there is only one, the city's own).

    `basket` means a different sum each time; `refunds`, that things are taken back.
    """

    code: str
    zh: str
    share: int
    goods: tuple[Good, ...]
    bands: tuple[Band, ...]
    method: str = "qr"
    basket: bool = False
    refunds: bool = False


def _at(start: int, end: int, working: int, free: int) -> Band:
    """Hours as people say them: 730 is half past seven."""
    return Band(start // 100 * 60 + start % 100, end // 100 * 60 + end % 100, working, free)


# In order of what a small town would have first.
CATEGORIES = (
    Category(
        "noodles", "面馆", 16,
        (Good("牛肉面", 1600, 3200, 100), Good("炸酱面", 1300, 2400, 100), Good("馄饨", 900, 1800, 100)),
        (_at(1120, 1330, 12, 8), _at(1730, 2030, 8, 10)),
    ),
    Category(
        "supermarket", "超市", 8,
        (Good("日用百货", 900, 18000, 1), Good("粮油副食", 1500, 26000, 1)),
        (_at(1700, 2130, 9, 5), _at(900, 2000, 2, 14)),
        basket=True, refunds=True,
    ),
    Category(
        "metro", "地铁", 1,
        (Good("乘车", 200, 900, 100),),
        (_at(650, 930, 14, 2), _at(1700, 2000, 14, 3), _at(930, 2200, 2, 9)),
    ),
    Category(
        "convenience", "便利店", 14,
        (Good("饮料", 300, 900, 50), Good("便当", 1290, 2590, 100), Good("零食", 400, 3000, 10)),
        (_at(640, 1000, 4, 2), _at(1000, 2350, 6, 7), _at(0, 200, 1, 1)),
    ),
    Category(
        "breakfast", "早点铺", 9,
        (Good("豆浆油条", 500, 1200, 50), Good("煎饼", 700, 1400, 50), Good("小笼包", 800, 1800, 100)),
        (_at(610, 930, 9, 3), _at(730, 1030, 0, 6)),
    ),
    Category(
        "pharmacy", "药店", 6,
        (Good("常用药", 980, 9800, 10), Good("口罩与护理", 600, 4000, 10)),
        (_at(900, 2100, 2, 2),),
    ),
    Category(
        "market", "菜市场", 7,
        (Good("蔬菜", 300, 3500, 10), Good("鲜肉", 1200, 9000, 10), Good("水果", 800, 6000, 10)),
        (_at(600, 930, 5, 6), _at(1630, 1900, 5, 3)),
        basket=True,
    ),
    Category(
        "tea", "茶饮店", 11,
        (Good("奶茶", 900, 2200, 100), Good("咖啡", 990, 3200, 100), Good("柠檬茶", 800, 1800, 100)),
        (_at(800, 1000, 4, 1), _at(1300, 1700, 6, 9), _at(1900, 2130, 2, 4)),
    ),
    Category(
        "restaurant", "饭店", 12,
        (Good("午餐", 3800, 16000, 100), Good("聚餐", 12000, 68000, 100), Good("火锅", 9000, 42000, 100)),
        (_at(1130, 1330, 4, 6), _at(1730, 2130, 6, 12)),
    ),
    Category(
        "clothing", "服装店", 6,
        (Good("外套", 15900, 89900, 1000), Good("衬衫", 7900, 32900, 1000), Good("鞋", 12900, 69900, 1000)),
        (_at(1000, 2130, 1, 5),),
        method="card", refunds=True,
    ),
    Category(
        "charging", "充电站", 3,
        (Good("汽车充电", 1800, 9800, 1),),
        (_at(700, 2230, 2, 3),),
        basket=True,
    ),
    Category(
        "books", "书店", 3,
        (Good("图书", 2200, 12800, 10), Good("文具", 300, 4500, 10)),
        (_at(1000, 2100, 1, 3),),
        refunds=True,
    ),
    Category(
        "electronics", "数码店", 2,
        (Good("耳机", 9900, 129900, 1000), Good("充电器", 3900, 19900, 1000), Good("手机", 99900, 599900, 10000)),
        (_at(1000, 2100, 1, 2),),
        method="card", refunds=True,
    ),
    Category(
        "cinema", "影院", 2,
        (Good("电影票", 3500, 9000, 100),),
        (_at(1300, 1700, 0, 3), _at(1830, 2300, 1, 4)),
        refunds=True,
    ),
    Category(
        "utilities", "公用事业缴费", 1,
        (Good("电费", 4500, 38000, 1), Good("燃气费", 2500, 15000, 1), Good("话费", 3000, 10000, 1000)),
        (_at(900, 2200, 1, 1),),
        method="account", basket=True,
    ),
)  # fmt: skip

LI_KEEPS = 500_000
"""Fen that the city's 李 has at every moment, so that a visitor can pay from his account."""

GIFT_BANDS = (_at(900, 2330, 4, 6), _at(1900, 2230, 3, 4))
"""When friends send each other money."""


class Person(msgspec.Struct, frozen=True):
    """Money in fen. `employer` and `landlord` are places in `City.firms`; `parent` keeps a student in allowances.

    `keeps`: the account is never spent below it. `part`: whom this person plays in the guided walk.
    """

    id: str
    account: str
    name: str
    phone: str
    district: int
    role: str
    income: int
    rent: int
    opening: int
    employer: int | None
    landlord: int | None
    parent: int | None
    friends: tuple[int, ...]
    favourites: tuple[tuple[int, ...], ...]
    """For each category of the city the shops that this person goes to, nearest first."""
    keeps: int = 0
    part: str | None = None


class Firm(msgspec.Struct, frozen=True):
    """An employer, a landlord, or the owner of shops (which has no account besides its shops' own)."""

    id: str
    account: str | None
    name: str
    role: str
    payday: int


class Shop(msgspec.Struct, frozen=True):
    id: str
    name: str
    category: int
    district: int
    owner: int
    menu: tuple[tuple[str, int, int], ...]
    """What it sells: name, smallest sum, how many fen above it a basket can go (0: a fixed price)."""
    part: str | None = None


_MIDDLE = (30_520_000, 106_480_000)
"""Of the made-up city, latitude and longitude in millionths of a degree; and how far its districts lie from there."""
_DISTRICTS = (
    (5_000, 90_000),
    (-10_000, -85_000),
    (-75_000, 10_000),
    (80_000, -5_000),
    (0, 0),
    (-60_000, 80_000),
    (70_000, -80_000),
    (65_000, 75_000),
)
_BLOCKS, _BLOCK = 121, 1_500
"""Shops of a district stand in so many blocks, a side of which is so many millionths of a degree long."""


def spot_of(number: int, district: int) -> tuple[int, int]:
    """Where a shop of that number stands."""
    south, east = divmod(number * 37 % _BLOCKS, 11)
    middle = _DISTRICTS[district]
    return _MIDDLE[0] + middle[0] + (south - 5) * _BLOCK, _MIDDLE[1] + middle[1] + (east - 5) * _BLOCK


class City(msgspec.Struct, frozen=True):
    seed: int
    people: tuple[Person, ...]
    firms: tuple[Firm, ...]
    shops: tuple[Shop, ...]
    categories: tuple[Category, ...]
    by_category: tuple[tuple[int, ...], ...]
    habit: tuple[int, ...]
    """People, each as often as they tend to pay."""


def build(seed: int, people: int, shops: int, founded_ms: int) -> City:
    """The city of `seed`. `founded_ms` (since 1970) dates the ids of its people, firms, shops and accounts."""
    if people < 2 or shops < 1:
        raise ValueError("a city needs at least two people and a shop")
    chance = Chance(seed)
    categories = CATEGORIES[:shops]
    firms = _firms(chance, people, founded_ms)
    all_shops, owners = _shops(chance, shops, categories, len(firms), founded_ms)
    by_category = tuple(
        tuple(i for i, shop in enumerate(all_shops) if shop.category == c) for c in range(len(categories))
    )
    everyone = _people(chance, people, firms, all_shops, by_category, founded_ms)
    everyone[0] = _li(everyone[0])
    # The first category is that of noodle shops, and every category has a shop.
    all_shops[0] = msgspec.structs.replace(all_shops[0], part="noodle_shop")
    habit = [i for i in range(people) for _ in range(1 + chance.peak(9))]
    return City(
        seed=seed,
        people=tuple(everyone),
        firms=(*firms, *owners),
        shops=tuple(all_shops),
        categories=categories,
        by_category=by_category,
        habit=tuple(habit),
    )


def _firms(chance: Chance, people: int, founded_ms: int) -> list[Firm]:
    """Employers first, then the pension office, then landlords."""

    def firm(name: str, role: str, payday: int) -> Firm:
        return Firm(chance.uuid7(founded_ms), chance.uuid7(founded_ms), name, role, payday)

    firms = []
    for i in range(max(2, people // 100)):
        area = words.DISTRICTS[i // len(words.FIRMS) % len(words.DISTRICTS)][:2]
        number = i // (len(words.FIRMS) * len(words.DISTRICTS))
        trade = words.FIRMS[i % len(words.FIRMS)]
        name = f"{words.CITY[:2]}{area}{trade}有限公司" + (f"第{number + 1}分部" if number else "")
        firms.append(firm(name, "employer", chance.pick((5, 8, 10, 10, 15, 15, 20, 25))))
    firms.append(firm(f"{words.CITY}{words.PENSION_OFFICE}", "pension", 15))
    firms.extend(firm(f"{words.CITY[:2]}{name}有限公司", "landlord", 0) for name in words.LANDLORDS)
    return firms


def _shops(
    chance: Chance, count: int, categories: tuple[Category, ...], first_owner: int, founded_ms: int
) -> tuple[list[Shop], list[Firm]]:
    """Every category has a shop; the rest follow the shares. A brand may run several shops of one category."""
    kinds = list(range(len(categories)))
    spread = [c for c, category in enumerate(categories) for _ in range(category.share) if category.share > 1]
    kinds += [chance.pick(spread or kinds) for _ in range(count - len(kinds))]
    brands = [brand + ending for brand in words.BRANDS for ending in words.BRAND_ENDINGS]
    chance.shuffle(brands)
    shops: list[Shop] = []
    owners: list[Firm] = []
    chains: dict[int, list[tuple[int, str]]] = {}
    seen: dict[str, int] = {}
    for i, kind in enumerate(kinds):
        category = categories[kind]
        known = chains.setdefault(kind, [])
        if known and chance.one_in(3):
            owner, brand = chance.pick(known)
        else:
            round_, place = divmod(len(owners), len(brands))
            brand = brands[place] + (str(round_ + 1) if round_ else "") if category.share > 1 else words.CITY[:2]
            owner = first_owner + len(owners)
            known.append((owner, brand))
            owners.append(Firm(chance.uuid7(founded_ms), None, f"{words.CITY[:2]}{brand}商贸有限公司", "shopkeeper", 0))
        district = i % len(words.DISTRICTS)
        name = f"{brand}{category.zh}"
        if category.share > 1:
            name += f"({words.DISTRICTS[district][:2]}店)"
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                name = f"{name[:-2]}{seen[name]}店)"
        shops.append(Shop(chance.uuid7(founded_ms), name, kind, district, owner, _menu(chance, category)))
    return shops, owners


def _menu(chance: Chance, category: Category) -> tuple[tuple[str, int, int], ...]:
    if category.basket:
        return tuple((good.name, good.low, good.high - good.low) for good in category.goods)
    return tuple(
        (good.name, good.low + good.step * chance.peak((good.high - good.low) // good.step + 1), 0)
        for good in category.goods
        for _ in range(3)
    )


def _people(
    chance: Chance,
    count: int,
    firms: list[Firm],
    shops: list[Shop],
    by_category: tuple[tuple[int, ...], ...],
    founded_ms: int,
) -> list[Person]:
    roles = [chance.pick(("worker",) * 14 + ("student",) * 2 + ("retired",) * 4) for _ in range(count)]
    roles[0] = "worker"
    workers = [i for i, role in enumerate(roles) if role == "worker"]
    employers = [i for i, firm in enumerate(firms) if firm.role == "employer"]
    pension = next(i for i, firm in enumerate(firms) if firm.role == "pension")
    landlords = [i for i, firm in enumerate(firms) if firm.role == "landlord"]
    near = [
        [[s for s in of_kind if shops[s].district == d] or list(of_kind) for of_kind in by_category]
        for d in range(len(words.DISTRICTS))
    ]
    people = []
    for i, role in enumerate(roles):
        district = chance.below(len(words.DISTRICTS))
        income, rent, opening, payer = _means(chance, role, employers, pension)
        people.append(
            Person(
                id=chance.uuid7(founded_ms),
                account=chance.uuid7(founded_ms),
                name=chance.pick(words.SURNAMES) + chance.pick(words.GIVEN_FIRST) + chance.pick(words.GIVEN_LAST),
                # No Chinese mobile number starts with 100, so these reach nobody.
                phone=f"+86100{i:08d}",
                district=district,
                role=role,
                income=income,
                rent=rent,
                opening=opening,
                employer=payer,
                landlord=chance.pick(landlords) if rent else None,
                parent=chance.pick(workers) if role == "student" else None,
                friends=_friends(chance, i, count),
                favourites=tuple(_favourites(chance, near[district][c], kind) for c, kind in enumerate(by_category)),
            )
        )
    return people


def _li(person: Person) -> Person:
    """The first person of every city, who works, is called 李伟 and has money to spare."""
    opening = max(person.opening, 2 * LI_KEEPS)
    return msgspec.structs.replace(person, name=words.LI, opening=opening, keeps=LI_KEEPS, part="li")


def _means(chance: Chance, role: str, employers: list[int], pension: int) -> tuple[int, int, int, int | None]:
    """Income a month, rent a month, money brought along at the start, who pays the income."""
    if role == "student":
        return 100_00 * chance.between(10, 24), 0, 100_00 * chance.between(1, 12), None
    if role == "retired":
        return 50_00 * chance.between(50, 130), 0, 100_00 * chance.between(20, 150), pension
    income = 100_00 * (35 + chance.peak(120) + (chance.between(40, 140) if chance.one_in(8) else 0))
    rent = income * chance.between(18, 34) // 100 // 50_00 * 50_00 if chance.below(10) < 6 else 0
    return income, rent, income * chance.between(40, 160) // 100 // 100_00 * 100_00 + rent, chance.pick(employers)


def _friends(chance: Chance, me: int, count: int) -> tuple[int, ...]:
    """Mostly people with close numbers, who thereby know each other; now and then somebody from far away."""
    found: set[int] = set()
    for _ in range(2 + chance.below(5)):
        there = me + chance.between(-12, 12) if chance.below(5) else chance.below(count)
        found.add(there % count)
    found.discard(me)
    return tuple(sorted(found)) or ((me + 1) % count,)


def _favourites(chance: Chance, near: list[int], everywhere: Sequence[int]) -> tuple[int, ...]:
    """Three places near home and one anywhere; the first is where a person goes most."""
    return (chance.pick(near), chance.pick(near), chance.pick(near), chance.pick(everywhere))
