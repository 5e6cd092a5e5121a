"""Phone numbers for notifications: Indonesian mobile numbers, kept as E.164 ("+6281234567890")."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import phonenumbers
from phonenumbers import PhoneNumberType, ValidationResult

from backend.domain.digits import find_number, fold, has_words
from backend.domain.nik import mask_digits

PhoneProblemKind = Literal["empty", "letters", "too_short", "too_long", "foreign", "landline", "unknown_prefix"]
_COUNTRY = 62
# Longer than any phone number with its country code: most likely a NIK or an account number.
_LONGEST = 15


@dataclass(frozen=True, slots=True)
class Phone:
    """A mobile number of Indonesia, kept out of `repr`."""

    e164: str = field(repr=False)

    @property
    def masked(self) -> str:
        """All but the last four digits hidden: "**********7890"."""
        return mask_digits(self.e164)


@dataclass(frozen=True, slots=True)
class PhoneProblem:
    """Why a text is not taken as a mobile number. `digits` counts the digits that were found."""

    kind: PhoneProblemKind
    digits: int


def parse_phone(text: str) -> Phone | PhoneProblem:
    """The mobile number in a text: "0812-3456-7890", "+62 812 …", "62812…", "812…"; never raises.

    Which prefixes are mobile and how long their numbers are is libphonenumber's data, not ours.
    """
    found = find_number(text, ("wa", "hp", "telp", "telepon", "no", "nomor"), 12)
    count = len(found.digits)
    if found.letters:
        return PhoneProblem("letters", count)
    if count == 0:
        return PhoneProblem("letters" if has_words(text) else "empty", 0)
    if count > _LONGEST:
        return PhoneProblem("too_long", count)
    return _read(found.digits, international=fold(text).lstrip().startswith("+"))


def _read(digits: str, international: bool) -> Phone | PhoneProblem:
    count = len(digits)
    national = digits.removeprefix("00") if digits.startswith("00") else digits
    if international or national != digits or national.startswith("62"):
        written = "+" + national
    else:
        written = "+62" + national.removeprefix("0")
    try:
        number = phonenumbers.parse(written, None)
    except phonenumbers.NumberParseException:
        return PhoneProblem("unknown_prefix", count)
    if number.country_code != _COUNTRY:
        return PhoneProblem("foreign", count)
    if phonenumbers.is_valid_number(number):
        if phonenumbers.number_type(number) in {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}:
            return Phone(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
        return PhoneProblem("landline", count)
    return PhoneProblem(_fault(number), count)


def _fault(number: phonenumbers.PhoneNumber) -> PhoneProblemKind:
    reason = phonenumbers.is_possible_number_for_type_with_reason(number, PhoneNumberType.MOBILE)
    if reason in {ValidationResult.TOO_SHORT, ValidationResult.IS_POSSIBLE_LOCAL_ONLY}:
        return "too_short"
    return "too_long" if reason == ValidationResult.TOO_LONG else "unknown_prefix"
