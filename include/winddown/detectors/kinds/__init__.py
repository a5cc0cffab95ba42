"""Every kind that is recognised, as an explicit list.

The order is the order of work and of display, and nothing depends on it. Two kinds with one id fail at import.
"""

from winddown.detectors.kind import Kind
from winddown.detectors.kinds import (
    address,
    bank_card,
    birth_date,
    business_registration,
    company_name,
    email,
    foreigner_residence,
    hashed,
    hkid,
    iban,
    imei,
    ip_address,
    landline,
    masked,
    mobile,
    organisation_code,
    person_name,
    qq,
    resident_id,
    resident_id_15,
    taiwan_id,
    travel_document,
    uscc,
    vehicle_plate,
    vin,
    wechat,
)
from winddown.domain.errors import Refused

ALL: tuple[Kind, ...] = (
    resident_id.KIND,
    resident_id_15.KIND,
    foreigner_residence.KIND,
    hkid.KIND,
    taiwan_id.KIND,
    travel_document.KIND,
    bank_card.KIND,
    iban.KIND,
    mobile.KIND,
    landline.KIND,
    email.KIND,
    person_name.KIND,
    address.KIND,
    birth_date.KIND,
    ip_address.KIND,
    qq.KIND,
    wechat.KIND,
    vehicle_plate.KIND,
    vin.KIND,
    imei.KIND,
    uscc.KIND,
    organisation_code.KIND,
    business_registration.KIND,
    company_name.KIND,
    masked.KIND,
    hashed.KIND,
)
BY_ID: dict[str, Kind] = {kind.id: kind for kind in ALL}

if len(BY_ID) != len(ALL):
    raise Refused("two kinds share one id", rule="detectors.kinds")
