"""Checks of what staff upload: by content, never by the name or the type the browser claims."""

from io import BytesIO
from pathlib import PurePath

import puremagic
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File
from PIL import Image, ImageOps, UnidentifiedImageError

MEGABYTE = 1_000_000  # bytes
IMAGE_LIMIT, RESOURCE_LIMIT = 10 * MEGABYTE, 20 * MEGABYTE
IMAGE_FORMATS = ("PNG", "JPEG", "WEBP")
# A decompression bomb is small on disk; 40 million pixels is a sharp A3 page.
IMAGE_PIXELS = 40_000_000
COVER_SIZE = (1200, 1700)  # pixels; an A4 page as large as any screen shows it

ZIP_SUFFIXES = {".docx", ".xlsx", ".pptx"}
TEXT_SUFFIXES = {".txt", ".csv"}
RESOURCE_SUFFIXES = {".pdf", ".png", ".jpg", ".jpeg"} | ZIP_SUFFIXES | TEXT_SUFFIXES


def _check_size(upload: File[bytes], limit: int) -> None:
    if upload.size > limit:
        raise ValidationError(f"The file is larger than {limit // MEGABYTE} MB.", code="too_large")
    if upload.size == 0:
        raise ValidationError("The file is empty.", code="empty")


def validate_image(upload: File[bytes]) -> None:
    """Refuse what is not a PNG, JPEG or WebP image by its content, is too large or has too many pixels."""
    _check_size(upload, IMAGE_LIMIT)
    upload.seek(0)
    try:
        with Image.open(upload, formats=IMAGE_FORMATS) as image:
            if image.width * image.height > IMAGE_PIXELS:
                raise ValidationError("The image has more than 40 million pixels.", code="too_many_pixels")
            image.verify()
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValidationError(
            "This is not a PNG, JPEG or WebP image that can be read.", code="not_an_image"
        ) from error
    finally:
        upload.seek(0)


def reencode_image(upload: File[bytes]) -> ContentFile[bytes]:
    """
    Write an image anew as WebP, turned upright and no larger than a cover needs.

    What was hidden in the file (location, comments, a script after the pixels) does not survive.
    """
    upload.seek(0)
    with Image.open(upload, formats=IMAGE_FORMATS) as image:
        upright = ImageOps.exif_transpose(image)
        upright.thumbnail(COVER_SIZE)
        out = BytesIO()
        upright.convert("RGBA" if "A" in upright.getbands() else "RGB").save(out, "WEBP", quality=85, method=6)
    return ContentFile(out.getvalue(), name=f"{PurePath(upload.name or 'cover').stem[:60]}.webp")


def validate_resource_file(upload: File[bytes]) -> None:
    """Refuse a file whose content is not what its name says, or of a kind that is not on the list."""
    _check_size(upload, RESOURCE_LIMIT)
    suffix = PurePath(upload.name or "").suffix.lower()
    if suffix not in RESOURCE_SUFFIXES:
        raise ValidationError(
            "Upload a PDF, Word, Excel, PowerPoint, text, CSV, PNG or JPEG file.", code="unknown_kind"
        )
    upload.seek(0)
    content = upload.read()
    upload.seek(0)
    matches = _is_text(content) if suffix in TEXT_SUFFIXES else suffix in _suffixes_by_content(content)
    if not matches:
        raise ValidationError(f"The file's content is not what its name ({suffix}) says.", code="wrong_content")


def _is_text(content: bytes) -> bool:
    try:
        return "\0" not in content.decode("utf-8")
    except UnicodeDecodeError:
        return False


def _suffixes_by_content(content: bytes) -> set[str]:
    try:
        found = {match.extension for match in puremagic.magic_string(content)}
    except puremagic.PureError:
        return set()
    if found & {".jpg", ".jpeg"}:
        found |= {".jpg", ".jpeg"}
    return found
