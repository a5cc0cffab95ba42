"""Address of a crypto-currency wallet (加密货币钱包地址): Bitcoin and Ethereum.

``0x`` and 40 hexadecimal digits; ``bc1`` and 39 or 59 characters of Bech32; ``1`` or ``3`` and 25 to 33 characters of
Base58.

Source: EIP-55; BIP-173; Bitcoin developer reference on Base58Check. The check sums behind the forms (Keccak, SHA-256)
are not computed.

>>> is_valid("0x52908400098527886E0F7030069857D2E4169EE7"), is_valid("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq")
(True, True)
>>> is_valid("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"), is_valid("0x5290840009852788")
(True, False)
"""

from winddown.detectors.kind import ALNUM, DIGIT, Kind, Proof
from winddown.detectors.recognise import holds

KIND = Kind(
    id="crypto_wallet",
    title_zh="加密货币钱包地址",
    title_en="crypto-currency wallet address",
    proof=Proof.PATTERN,
    headers=("钱包地址", "wallet", "wallet_address", "btc_address", "eth_address", "crypto_address"),
    min_length=26,
    max_length=62,
    classes=ALNUM,
    needs=DIGIT,
    chance=0.01,
    lookalike=0.1,
    pattern=("0x[0-9A-Fa-f]{40}|bc1[02-9ac-hj-np-z]{39}(?:[02-9ac-hj-np-z]{20})?|[13][1-9A-HJ-NP-Za-km-z]{25,33}"),
    typical_pattern=".*[A-Za-z].*[A-Za-z].*[A-Za-z].*",
    typical_share=0.9,
    typical_means="hold three letters",
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a wallet address."""
    return holds(KIND, text)
