"""Biometric data (生物识别数据): a template or picture as Base64 or hexadecimal digits, or a vector of a face.

Records of fingers (``FMR``), faces (``FAC``) and irises (``IIR``) begin with these letters, and are typical; pictures
(JPEG, PNG, ``data:image/``) and vectors of numbers are biometric data when a header says so.

Source: ISO/IEC 19794-2, -5 and -6 on the records; GB/T 40660-2021 on the protection of biometric information; ISO
10918-1 and ISO 15948 for the pictures. Binary columns are not read here.

>>> is_valid("Rk1SACAyMAAAAAEsAAAAAUABAAAAxQDFAQAAAGQx"), is_valid("/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgH")
(True, True)
>>> is_valid("Rk1S"), is_valid("hello")
(False, False)
"""

from winddown.detectors.kind import ALNUM, DOT, OTHER, UNBOUNDED, Kind, Proof
from winddown.detectors.recognise import holds

KIND = Kind(
    id="biometric",
    title_zh="生物识别数据",
    title_en="biometric data",
    proof=Proof.PATTERN,
    headers=(
        "指纹",
        "人脸",
        "声纹",
        "虹膜",
        "人脸照片",
        "面部特征",
        "生物特征",
        "照片",
        "头像",
        "zw",
        "rl",
        "zhiwen",
        "renlian",
        "fingerprint",
        "face",
        "face_image",
        "face_feature",
        "face_vector",
        "face_encoding",
        "iris",
        "voiceprint",
        "biometric",
        "biometric_data",
        "photo",
        "portrait",
    ),
    min_length=30,
    max_length=UNBOUNDED,
    classes=ALNUM | DOT | OTHER,
    chance=0.01,
    lookalike=0.1,
    pattern=(
        "(?:Rk1S|RkFD|SUlS|/9j/|iVBORw0KGgo)[0-9A-Za-z+/=]{20,}|(?i:464d52|464143|494952|ffd8ff|89504e47)[0-9A-Fa-f]{24,}"
        r"|data:image/[a-z]+;base64,[0-9A-Za-z+/=]+|\[ ?(?:-?[0-9.e-]+, ?){31,}-?[0-9.e-]+ ?\]"
    ),
    typical_pattern="(?:Rk1S|RkFD|SUlS)[0-9A-Za-z+/=]*|(?i:464d52|464143|494952).*",
    typical_share=0.5,
    typical_means="begin as records of fingers, faces or irises do",
    named_suffices=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a biometric record, a picture, or a vector."""
    return holds(KIND, text)
