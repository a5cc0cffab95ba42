"""The third form of the kill switch: Airflow's variable ``winddown_halt``, read here and nowhere else.

While the variable is there, every case of the deployment halts at its next batch; its value says who and why. What it
did stays in the control database: deleting the variable resumes nothing.
"""

from airflow.sdk import Variable

HALT_VARIABLE = "winddown_halt"
_UNSAID = "the variable gives no reason"
_WORDS_MAX = 500


def halt_asked() -> str:
    """Why every case is to halt; "" while the variable does not exist.

    A variable that cannot be asked for is an error and not a "no": ``get`` alone answers with its default then.
    """
    said = Variable.get(HALT_VARIABLE, default=None)
    if said is None and HALT_VARIABLE not in list(Variable.keys(prefix=HALT_VARIABLE)):
        return ""
    return str(said or "").strip()[:_WORDS_MAX] or _UNSAID
