"""Every way the vault says no, in order of precedence."""

from __future__ import annotations

from tongbao.base.refusal import RefusalKind

KEYRING_MISSING = RefusalKind(
    "keyring_missing",
    501,
    "The vault has no keyring: TONGBAO_KEYRING names none. Make one with `tongbao vault init FILE`.",
    "保险库没有密钥环：未设置 TONGBAO_KEYRING。请用 tongbao vault init FILE 生成。",
)
KEYRING_LACKS_KEY = RefusalKind(
    "keyring_lacks_key",
    500,
    "The key that opens the vault is missing.",
    "缺少打开保险库所需的密钥。",
)
READING_NEEDS_A_REASON = RefusalKind(
    "reading_needs_a_reason",
    422,
    "Reading or erasing personal data needs a reason.",
    "查看或清除个人信息须说明原因。",
)
SUBJECT_ERASED = RefusalKind(
    "subject_erased", 410, "What the bank knew of this person was erased.", "该客户的个人信息已清除。"
)
SEAL_BROKEN = RefusalKind(
    "seal_broken",
    500,
    "What is stored was changed, or belongs to another place; it is not opened.",
    "已存数据被改动或不属于此处，不予打开。",
)
ALGORITHM_REFUSED = RefusalKind(
    "algorithm_refused",
    422,
    "The algorithm or key size is not one that the bank uses.",
    "本行不使用该算法或密钥长度。",
)
SUITE_UNAVAILABLE = RefusalKind(
    "suite_unavailable",
    501,
    "This machine's cryptographic library lacks the algorithm.",
    "本机密码库不支持该算法。",
)
KEY_MALFORMED = RefusalKind(
    "key_malformed",
    422,
    "This is no key of the kind that is expected here, or its passphrase is another.",
    "不是此处所需的密钥，或密钥口令有误。",
)
PASSPHRASE_WEAK = RefusalKind(
    "passphrase_weak",
    422,
    "The passphrase of a key file has 16 to 1,024 bytes and no NUL.",
    "密钥文件的口令须为 16 至 1,024 字节，且不含空字符。",
)
ENVELOPE_UNREADABLE = RefusalKind(
    "envelope_unreadable",
    422,
    "The encrypted message was altered, is not for this key, or is none.",
    "密文已被改动、并非发给本密钥，或格式不正确。",
)
CARD_NUMBER_WRONG = RefusalKind(
    "card_number_wrong", 422, "This is not a card number. Please check its digits.", "卡号有误，请核对后重新输入。"
)
CARD_EXPIRY_MALFORMED = RefusalKind(
    "card_expiry_malformed",
    422,
    "Enter the month and the year until which the card is valid, as they stand on it: MM/YY.",
    "请按卡面填写有效期，格式为 月/年（MM/YY）。",
)
CARD_EXPIRED = RefusalKind("card_expired", 422, "This card is no longer valid.", "该卡已过有效期。")

ALL = (
    KEYRING_MISSING,
    KEYRING_LACKS_KEY,
    READING_NEEDS_A_REASON,
    SUBJECT_ERASED,
    SEAL_BROKEN,
    ALGORITHM_REFUSED,
    SUITE_UNAVAILABLE,
    KEY_MALFORMED,
    PASSPHRASE_WEAK,
    ENVELOPE_UNREADABLE,
    CARD_NUMBER_WRONG,
    CARD_EXPIRY_MALFORMED,
    CARD_EXPIRED,
)
