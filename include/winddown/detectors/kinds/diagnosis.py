"""Health of a person (诊断、病史、用药): diagnosis, allergies, medication, test results.

Source: PIPL 28 (medical health); GB/T 39725-2020, health data security guide. Any words, or ICD codes, which
article numbers resemble: only a header can tell, and no cell is looked at.
"""

from winddown.detectors.kind import ALNUM, AT, DOT, HIGH, OTHER, STAR, UNBOUNDED, Kind, Proof

KIND = Kind(
    id="diagnosis",
    title_zh="诊断",
    title_en="health data",
    proof=Proof.HEADER,
    headers=(
        "诊断",
        "诊断结果",
        "疾病",
        "病史",
        "既往病史",
        "过敏史",
        "用药",
        "处方",
        "检验结果",
        "体检",
        "症状",
        "病情",
        "zdjg",
        "gms",
        "diagnosis",
        "disease",
        "icd",
        "icd10",
        "icd_code",
        "medical_history",
        "allergy",
        "allergies",
        "medication",
        "prescription",
        "symptom",
        "health_condition",
    ),
    min_length=1,
    max_length=UNBOUNDED,
    classes=ALNUM | AT | DOT | STAR | OTHER | HIGH,
    chance=0.9,
    lookalike=1.0,
    named_only=True,
)
