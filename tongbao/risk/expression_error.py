"""What can be wrong with an expression, in the words of its author: where, why, and what to write instead."""

from __future__ import annotations

from typing import Final

from tongbao.base.say import Lang

_WRONG: Final[dict[str, tuple[str, str]]] = {
    "empty": ("Write a condition, such as amount_minor > 500.00 CNY.", "请填写条件，例如 amount_minor > 500.00 CNY。"),
    "too_long": ("A condition has at most %(most)s characters.", "条件最多 %(most)s 个字符。"),
    "too_deep": ("Conditions are nested too deeply: at most %(most)s levels.", "条件嵌套过深，最多 %(most)s 层。"),
    "too_large": ("The condition has too many parts: at most %(most)s.", "条件的组成部分过多，最多 %(most)s 个。"),
    "hidden_character": (
        "There is a character here that is not visible. Delete it and type the place again.",
        "此处有不可见字符，请删除后重新输入。",
    ),
    "character": (
        "“%(what)s” means nothing here. Names, signs and figures are typed in half-width letters; texts stand between ' and '.",
        "此处不能使用“%(what)s”。名称、符号和数字须为半角，文本须写在英文单引号 ' 之间。",
    ),
    "text_open": ("This text does not end: put ' after it.", "文本没有结束，请在末尾加英文单引号 '。"),
    "mixed_script": (
        "This text mixes alphabets that look alike. Type it in one of them.",
        "文本混用了外形相近的不同字母，请只用一种文字输入。",
    ),
    "not_understood": (
        "“%(what)s” is not expected here. Check what stands before it, and the brackets.",
        "此处不应出现“%(what)s”，请检查前面的内容和括号。",
    ),
    "unfinished": ("The condition ends too early. Something is missing at its end.", "条件不完整，末尾缺少内容。"),
    "bracket_open": ("This bracket is not closed.", "此处的括号没有闭合。"),
    "name_unknown": (
        "Nothing is called “%(what)s”. The catalogue of features lists the names.",
        "没有名为“%(what)s”的特征，可用名称见特征目录。",
    ),
    "name_near": (
        "Nothing is called “%(what)s”. Did you mean %(near)s?",
        "没有名为“%(what)s”的特征，是否应为 %(near)s？",
    ),
    "list_unknown": ("There is no list “%(what)s”.", "没有名为“%(what)s”的名单。"),
    "list_kind": (
        "The list “%(what)s” holds members of another kind than this name.",
        "名单“%(what)s”的成员类型与该名称不符。",
    ),
    "list_of_name": ("Only a name can be looked up in a list.", "只有名称可以在名单中查找。"),
    "currency_unknown": (
        "The bank knows no currency “%(what)s”. Write an amount such as 500.00 CNY.",
        "银行没有“%(what)s”这一币种，金额请写作 500.00 CNY。",
    ),
    "decimals": (
        "Write whole numbers, or an amount with its currency, such as 500.00 CNY.",
        "请填写整数，或带币种的金额，例如 500.00 CNY。",
    ),
    "too_precise": ("This amount has more decimals than its currency.", "金额的小数位数超过该币种的规定。"),
    "number_large": ("This number is too large.", "数值过大。"),
    "grows_too_large": (
        "What is multiplied here can become too large. Compare it in steps.",
        "此处相乘的结果可能过大，请分步比较。",
    ),
    "needs_condition": (
        "Here a condition is needed: something that is true or false, such as a comparison.",
        "此处须为条件，即可判断真假的内容，例如一个比较。",
    ),
    "needs_number": ("Here a number is needed.", "此处须为数字。"),
    "needs_same": (
        "Both sides must be alike: number with number, text with text.",
        "两边的类型须相同：数字对数字，文本对文本。",
    ),
    "needs_amount": ("This is an amount. Write the other side as 500.00 CNY.", "此处为金额，另一边请写作 500.00 CNY。"),
    "needs_span": (
        "This is a span of time. Write the other side as 10 minutes, 2 hours or 7 days.",
        "此处为时长，另一边请写作 10 minutes、2 hours 或 7 days。",
    ),
    "two_units": (
        "Amounts and spans of time cannot be multiplied with each other.",
        "金额、时长之间不能相乘。",
    ),
    "two_currencies": ("Amounts of two currencies cannot be compared.", "不同币种的金额不能比较。"),
    "text_order": ("Texts are compared with = and <> only.", "文本只能用 = 和 <> 比较。"),
    "truth_compared": (
        "A condition is compared with true or false only; or write it alone.",
        "条件只能与 true 或 false 比较，也可直接写出该条件。",
    ),
    "null_compared": (
        "Nothing equals null. Write is null or is not null.",
        "null 不能用于比较，请写 is null 或 is not null。",
    ),
    "chained": ("Compare two things at a time, and join comparisons with and.", "一次只能比较两项，多个比较请用 and 连接。"),
    "double_equal": ("Write = instead of ==, and <> instead of !=.", "请用 = 代替 ==，用 <> 代替 !=。"),
    "division_by_zero": ("This divides by zero.", "此处除数为零。"),
    "values_only": ("A list in brackets holds values only, such as ('qr', 'card').", "括号内只能列出具体的值，例如 ('qr', 'card')。"),
    "between_and": ("After between, write two values with and between them.", "between 之后须写两个值，中间用 and 连接。"),
}  # fmt: skip


class ExpressionError(Exception):
    """`code` names what is wrong, `place` is the character where it begins, from 0; `what` stands there."""

    def __init__(self, code: str, place: int, *, source: str, **values: object) -> None:
        super().__init__(f"{code} at {place}")
        self.code = code
        self.place = place
        self.line = source.count("\n", 0, place) + 1
        self.column = place - (source.rfind("\n", 0, place) + 1) + 1
        self.values = values

    def said(self, lang: Lang) -> str:
        """The whole sentence, with its place."""
        en, zh = _WRONG[self.code]
        if lang == "zh":
            return f"第 {self.line} 行第 {self.column} 个字符：{zh % self.values}"
        return f"Line {self.line}, character {self.column}: {en % self.values}"


CODES: Final = tuple(_WRONG)
