"""
Checks of what staff upload: by content, never by the name or the type the browser claims.

Whatever passes is stored under a name that nobody can guess, and sent as a download by a view that first checks
that visitors may have it.
"""

import re
import secrets
import zipfile
import zlib
from io import BytesIO
from pathlib import PurePath
from typing import Any

import puremagic
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File
from django.utils.text import slugify
from PIL import Image, ImageOps, UnidentifiedImageError

MEGABYTE = 1_000_000  # bytes
IMAGE_LIMIT, RESOURCE_LIMIT = 10 * MEGABYTE, 20 * MEGABYTE
IMAGE_FORMATS = ("PNG", "JPEG", "WEBP")
# A decompression bomb is small on disk; 40 million pixels is a sharp A3 page.
IMAGE_PIXELS = 40_000_000
COVER_SIZE = (1200, 1700)  # pixels; an A4 page as large as any screen shows it

# What an Office file says of its main part (ECMA-376, part 1); one with macros says something else.
OFFICE_MAIN_PARTS = {
    ".docx": b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
    ".xlsx": b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
    ".pptx": b"application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml",
}
OFFICE_ENTRIES, OFFICE_UNPACKED, OFFICE_CONTENT_TYPES = 5_000, 200 * MEGABYTE, MEGABYTE
IMAGE_SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
TEXT_SUFFIXES = {".txt", ".csv"}
RESOURCE_SUFFIXES = {".pdf", *IMAGE_SUFFIXES, *OFFICE_MAIN_PARTS, *TEXT_SUFFIXES}

# What Pillow raises for files that are broken or made to break it.
UNREADABLE = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    OSError,
    SyntaxError,
    ValueError,
    OverflowError,
    zlib.error,
)


def unguessable_name(filename: str) -> str:
    """Give a folder of 96 random bits and a plain name: `Zc3q…/falls-checklist.pdf`. The download keeps the name."""
    path = PurePath(filename)
    stem = slugify(path.stem)[:40].strip("-") or "file"
    suffix = re.sub(r"[^.a-z0-9]", "", path.suffix.lower())[:10]
    return f"{secrets.token_urlsafe(12)}/{stem}{suffix}"


def _check_size(upload: File[bytes], limit: int) -> None:
    try:
        size = upload.size
    except FileNotFoundError as error:
        raise ValidationError("The file is missing from the storage. Upload it again.", code="missing") from error
    if size > limit:
        raise ValidationError(f"The file is larger than {limit // MEGABYTE} MB.", code="too_large")
    if size == 0:
        raise ValidationError("The file is empty.", code="empty")


def _check_image(upload: File[bytes], formats: tuple[str, ...], message: str) -> None:
    upload.seek(0)
    try:
        with Image.open(upload, formats=formats) as image:
            if image.width * image.height > IMAGE_PIXELS:
                raise ValidationError("The image has more than 40 million pixels.", code="too_many_pixels")
            image.verify()
    except UNREADABLE as error:
        raise ValidationError(message, code="not_an_image") from error
    finally:
        upload.seek(0)


def validate_image(upload: File[bytes]) -> None:
    """Refuse what is not a PNG, JPEG or WebP image by its content, is too large or has too many pixels."""
    _check_size(upload, IMAGE_LIMIT)
    _check_image(upload, IMAGE_FORMATS, "This is not a PNG, JPEG or WebP image that can be read.")


def reencode_image(upload: File[bytes]) -> ContentFile[bytes]:
    """
    Write an image anew as WebP, turned upright and no larger than a cover needs.

    What was hidden in the file (location, comments, a script after the pixels) does not survive. Raises
    ValidationError when its pixels cannot be read.
    """
    content = _written_anew(upload, "WEBP", COVER_SIZE)
    return ContentFile(content, name=f"{PurePath(upload.name or 'cover').stem[:60]}.webp")


def reencode_resource_file(upload: File[bytes]) -> File[bytes]:
    """Write an image anew in its own format, as `reencode_image` does; give any other file back as it is."""
    name = PurePath(upload.name or "")
    if name.suffix.lower() not in IMAGE_SUFFIXES:
        return upload
    return ContentFile(_written_anew(upload, IMAGE_SUFFIXES[name.suffix.lower()]), name=name.name)


def _written_anew(upload: File[bytes], image_format: str, size: tuple[int, int] | None = None) -> bytes:
    upload.seek(0)
    try:
        with Image.open(upload, formats=IMAGE_FORMATS) as image:
            upright = ImageOps.exif_transpose(image)
            if size:
                upright.thumbnail(size)
            has_alpha = "A" in upright.getbands() or "transparency" in upright.info
            clean = upright.convert("RGBA" if has_alpha and image_format != "JPEG" else "RGB")
            clean.info.clear()  # Pillow would write comments, profiles and EXIF data again
            out = BytesIO()
            options: dict[str, dict[str, Any]] = {
                "PNG": {"optimize": True},
                "JPEG": {"quality": 88},
                "WEBP": {"quality": 85, "method": 6},
            }
            clean.save(out, image_format, **options[image_format])
    except UNREADABLE as error:
        raise ValidationError("The image cannot be read to its end.", code="not_an_image") from error
    return out.getvalue()


def validate_resource_file(upload: File[bytes]) -> None:
    """
    Refuse a file whose content is not what its name says, or of a kind that is not on the list.

    SVG is not: it can hold scripts. Neither are Office files with macros, or that unpack to far more than they weigh.
    """
    _check_size(upload, RESOURCE_LIMIT)
    suffix = PurePath(upload.name or "").suffix.lower()
    if suffix not in RESOURCE_SUFFIXES:
        raise ValidationError(
            "Upload a PDF, Word, Excel, PowerPoint, text, CSV, PNG or JPEG file.", code="unknown_kind"
        )
    message = f"The file’s content is not what its name ({suffix}) says."
    if suffix in IMAGE_SUFFIXES:
        _check_image(upload, (IMAGE_SUFFIXES[suffix],), message)
        return
    upload.seek(0)
    content = upload.read()
    upload.seek(0)
    checks = {".pdf": _is_pdf, **dict.fromkeys(TEXT_SUFFIXES, _is_text)}
    if suffix in OFFICE_MAIN_PARTS:
        is_right = _is_office_file(content, OFFICE_MAIN_PARTS[suffix])
    else:
        is_right = checks[suffix](content)
    if not is_right:
        raise ValidationError(message, code="wrong_content")


def _is_text(content: bytes) -> bool:
    """Say whether it is UTF-8 without control characters, other than those that end lines or columns."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not re.search(r"[\x00-\x08\x0b\x0e-\x1f\x7f]", text)


def _is_pdf(content: bytes) -> bool:
    """Say whether it is a PDF from its first byte to its last line: one that is also a ZIP or a web page is not."""
    try:
        kinds = {match.extension for match in puremagic.magic_string(content)}
    except (puremagic.PureError, ValueError):
        return False
    return ".pdf" in kinds and content.startswith(b"%PDF-") and content.rstrip(b"\0\r\n\t ").endswith(b"%%EOF")


def _is_office_file(content: bytes, main_part: bytes) -> bool:
    """
    Say whether it is an Office file of this kind, without macros and without a bomb in it.

    puremagic takes every ZIP for every Office kind, so the file's own list of parts decides.
    """
    if not content.startswith(b"PK\x03\x04"):  # something else in front of a ZIP
        return False
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            entries = archive.infolist()
            is_bomb = len(entries) > OFFICE_ENTRIES or sum(entry.file_size for entry in entries) > OFFICE_UNPACKED
            if is_bomb or any(entry.filename.lower().endswith("vbaproject.bin") for entry in entries):
                return False
            with archive.open("[Content_Types].xml") as part:
                types = part.read(OFFICE_CONTENT_TYPES)
    except (
        zipfile.BadZipFile,
        KeyError,
        OSError,
        RuntimeError,
        NotImplementedError,
        EOFError,
        ValueError,
        zlib.error,
    ):
        return False
    return main_part in types and b"macroEnabled" not in types
