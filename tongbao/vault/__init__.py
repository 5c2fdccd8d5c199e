"""What the bank knows about people, sealed. Nobody imports deeper than this face."""

from tongbao.vault.bank_key import bank_key, bank_keys
from tongbao.vault.canary import canaries, canary_readings, canary_watch, close_canary_readings, plant
from tongbao.vault.canary_model import Canary, CanaryReading, CanaryWatch, MadeUp
from tongbao.vault.card_model import PlainCard, TokenisedCard
from tongbao.vault.cards import cards, forget_cards, open_card, read_card, tokenise
from tongbao.vault.enquire import readings, status
from tongbao.vault.erase import erase
from tongbao.vault.find import find, fingerprint
from tongbao.vault.jobs import reencrypt
from tongbao.vault.jwe import LARGEST as ENVELOPE_LARGEST
from tongbao.vault.jwe import DecryptionKey, EncryptionKey, EnvelopeSuite, kid_of
from tongbao.vault.jwe import generate as generate_decryption_key
from tongbao.vault.keep import keep
from tongbao.vault.keyring import Keyring
from tongbao.vault.kms import Kms, check, is_open, use
from tongbao.vault.made_up import made_up
from tongbao.vault.masked import Mask, lacking, masked, masked_text
from tongbao.vault.model import Datum, Kind, Reading, Status, Suite
from tongbao.vault.open_all import Sealed, open_all
from tongbao.vault.own import own
from tongbao.vault.pkcs11 import Token
from tongbao.vault.policy import refused as refused_algorithm
from tongbao.vault.prove import CHECKS
from tongbao.vault.read import read
from tongbao.vault.refusals import ALGORITHM_REFUSED, ENVELOPE_UNREADABLE, KEY_MALFORMED
from tongbao.vault.refusals import ALL as REFUSALS
from tongbao.vault.rotate import begin, rotate_kek
from tongbao.vault.seal import open_sealed, seal, seal_many
from tongbao.vault.signatures import PrivateKey, PublicKey, SignatureSuite, generate
from tongbao.vault.sm2 import available as sm2_available

__all__ = [
    "ALGORITHM_REFUSED",
    "CHECKS",
    "ENVELOPE_LARGEST",
    "ENVELOPE_UNREADABLE",
    "KEY_MALFORMED",
    "REFUSALS",
    "Canary",
    "CanaryReading",
    "CanaryWatch",
    "Datum",
    "DecryptionKey",
    "EncryptionKey",
    "EnvelopeSuite",
    "Keyring",
    "Kind",
    "Kms",
    "MadeUp",
    "Mask",
    "PlainCard",
    "PrivateKey",
    "PublicKey",
    "Reading",
    "Sealed",
    "SignatureSuite",
    "Status",
    "Suite",
    "Token",
    "TokenisedCard",
    "bank_key",
    "bank_keys",
    "begin",
    "canaries",
    "canary_readings",
    "canary_watch",
    "cards",
    "check",
    "close_canary_readings",
    "erase",
    "find",
    "fingerprint",
    "forget_cards",
    "generate",
    "generate_decryption_key",
    "is_open",
    "keep",
    "kid_of",
    "lacking",
    "made_up",
    "masked",
    "masked_text",
    "open_all",
    "open_card",
    "open_sealed",
    "own",
    "plant",
    "read",
    "read_card",
    "readings",
    "reencrypt",
    "refused_algorithm",
    "rotate_kek",
    "seal",
    "seal_many",
    "sm2_available",
    "status",
    "tokenise",
    "use",
]
