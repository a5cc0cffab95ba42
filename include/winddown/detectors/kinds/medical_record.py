"""Medical record number (病历号、住院号、门诊号), four to twenty letters and digits.

Source: WS 445-2014, basic data set of the electronic medical record (no common form; each hospital assigns its own).
Any number has this form: only a header can tell, and no cell is looked at.
"""

from winddown.detectors.kind import ALNUM, OTHER, Kind, Proof

KIND = Kind(
    id="medical_record",
    title_zh="病历号",
    title_en="medical record number",
    proof=Proof.HEADER,
    headers=(
        "病历号",
        "病案号",
        "住院号",
        "门诊号",
        "就诊号",
        "就诊卡号",
        "就诊卡",
        "病人编号",
        "患者编号",
        "blh",
        "bah",
        "zyh",
        "mzh",
        "jzkh",
        "medical_record",
        "medical_record_no",
        "medical_record_number",
        "mrn",
        "patient_id",
        "patient_no",
        "admission_no",
    ),
    min_length=4,
    max_length=20,
    classes=ALNUM | OTHER,
    chance=0.9,
    lookalike=1.0,
    named_only=True,
    numbers=True,
)
