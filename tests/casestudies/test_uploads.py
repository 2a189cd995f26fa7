"""Uploads, with real bytes: what a file is decides, not what it is called."""

import io
import zipfile

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from casestudies import uploads
from casestudies.uploads import (
    reencode_image,
    reencode_resource_file,
    unguessable_name,
    validate_image,
    validate_resource_file,
)

CONTENT_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\nstartxref\n0\n%%EOF\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def file(name, content):
    return ContentFile(content, name=name)


def image(image_format="PNG", size=(20, 30), **options):
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, image_format, **options)
    return out.getvalue()


def office(suffix, extra=None, kind=None):
    """Make the smallest Office file of a kind."""
    main = kind or uploads.OFFICE_MAIN_PARTS[suffix].decode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        override = f'<Override PartName="/main.xml" ContentType="{main}"/>'
        archive.writestr("[Content_Types].xml", f'<Types xmlns="{CONTENT_TYPES}">{override}</Types>')
        archive.writestr("main.xml", "<main/>")
        for name, content in (extra or {}).items():
            archive.writestr(name, content)
    return out.getvalue()


GOOD = {
    "guide.pdf": PDF,
    "guide.docx": office(".docx"),
    "table.xlsx": office(".xlsx"),
    "slides.pptx": office(".pptx"),
    "notes.txt": "Café, naïve\tcolumns\r\nand lines".encode(),
    "figures.csv": b"home,falls\nA,43\n",
    "chart.png": image("PNG"),
    "photo.jpg": image("JPEG"),
    "photo.jpeg": image("JPEG"),
    "UPPER.PDF": PDF,
}


@pytest.mark.parametrize("name", GOOD)
def test_what_it_says_it_is_is_accepted(name):
    upload = file(name, GOOD[name])
    validate_resource_file(upload)
    assert upload.read() == GOOD[name]


KINDS = {name.rpartition(".")[2]: content for name, content in GOOD.items() if name[0].islower()}


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [
        (suffix, kind)
        for suffix in KINDS
        for kind in KINDS
        # Text is text, and a JPEG has two suffixes.
        if suffix != kind and {suffix, kind} not in [{"txt", "csv"}, {"jpg", "jpeg"}]
        # A PDF of letters only is text too.
        if not (kind == "pdf" and suffix in {"txt", "csv"})
    ],
)
def test_one_kind_under_the_name_of_another_is_refused(suffix, kind):
    with pytest.raises(ValidationError) as refusal:
        validate_resource_file(file(f"upload.{suffix}", KINDS[kind]))
    assert refusal.value.messages == [f"The file’s content is not what its name (.{suffix}) says."]


@pytest.mark.parametrize(
    "name", ["picture.svg", "page.html", "program.exe", "archive.zip", "noname", "a.docm", ".pdf"]
)
def test_other_kinds_are_refused(name):
    with pytest.raises(ValidationError) as refusal:
        validate_resource_file(file(name, SVG))
    assert refusal.value.messages == ["Upload a PDF, Word, Excel, PowerPoint, text, CSV, PNG or JPEG file."]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.png", SVG),
        ("a.pdf", b"<script>alert(1)</script>" + PDF),
        ("a.pdf", PDF + office(".docx")),
        ("a.pdf", b"%PDF-1.7"),
        ("a.docx", b"MZ" + office(".docx")),
        ("a.docx", PDF + office(".docx")),
        ("a.docx", office(".docx", {"word/vbaProject.bin": b"macro"})),
        ("a.docx", office(".docx", kind="application/vnd.ms-word.document.macroEnabled.main+xml")),
        ("a.docx", office(".docx")[:-30]),
        ("a.docx", b"PK\x03\x04 and nothing more"),
        ("a.txt", b"text with \0 in it"),
        ("a.txt", b"\xff\xfe not UTF-8"),
        ("a.csv", b"\x1b[31mterminal"),
    ],
)
def test_two_kinds_in_one_and_broken_files_are_refused(name, content):
    with pytest.raises(ValidationError) as refusal:
        validate_resource_file(file(name, content))
    assert refusal.value.error_list[0].code in {"wrong_content", "not_an_image"}


def test_an_office_file_that_unpacks_to_far_more_is_refused(monkeypatch):
    monkeypatch.setattr(uploads, "OFFICE_UNPACKED", 1_000_000)
    validate_resource_file(file("a.xlsx", office(".xlsx", {"fits.xml": b"0" * 900_000})))
    with pytest.raises(ValidationError):
        validate_resource_file(file("a.xlsx", office(".xlsx", {"bomb.xml": b"0" * 1_100_000})))


def test_an_office_file_of_countless_parts_is_refused(monkeypatch):
    monkeypatch.setattr(uploads, "OFFICE_ENTRIES", 5)
    with pytest.raises(ValidationError):
        validate_resource_file(file("a.xlsx", office(".xlsx", {f"{n}.xml": b"" for n in range(4)})))


@pytest.mark.parametrize(
    ("validate", "name", "limit"),
    [(validate_resource_file, "a.txt", "RESOURCE_LIMIT"), (validate_image, "a.png", "IMAGE_LIMIT")],
)
def test_size_has_a_limit(monkeypatch, validate, name, limit):
    content = b"x" * 1_000_001 if name == "a.txt" else image(size=(700, 700), compress_level=0)
    monkeypatch.setattr(uploads, limit, 2_000_000)
    validate(file(name, content))
    monkeypatch.setattr(uploads, limit, 1_000_000)
    with pytest.raises(ValidationError) as refusal:
        validate(file(name, content))
    assert refusal.value.messages == ["The file is larger than 1 MB."]


@pytest.mark.parametrize("validate", [validate_resource_file, validate_image])
def test_an_empty_file_is_refused(validate):
    with pytest.raises(ValidationError) as refusal:
        validate(file("a.png", b""))
    assert refusal.value.messages == ["The file is empty."]


# --- Covers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP"])
def test_a_cover_is_a_png_jpeg_or_webp_image(image_format):
    validate_image(file("cover.bin", image(image_format)))


@pytest.mark.parametrize("content", [SVG, PDF, image("GIF"), image("BMP"), image("TIFF"), image()[:40]])
def test_anything_else_is_no_cover(content):
    with pytest.raises(ValidationError) as refusal:
        validate_image(file("cover.png", content))
    assert refusal.value.messages == ["This is not a PNG, JPEG or WebP image that can be read."]


def test_a_small_file_of_too_many_pixels_is_refused():
    bomb = io.BytesIO()
    Image.new("1", (8_000, 5_001)).save(bomb, "PNG")
    with pytest.raises(ValidationError) as refusal:
        validate_image(file("cover.png", bomb.getvalue()))
    assert refusal.value.messages == ["The image has more than 40 million pixels."]


def test_a_cover_is_written_anew_without_what_was_hidden_in_it():
    exif = Image.Exif()
    exif[0x8298] = "taken at 51.5, -0.1"  # the copyright tag stands for any
    exif[0x0112] = 6  # turned on its side
    content = image("JPEG", size=(40, 20), exif=exif, comment=b"hidden") + b"<script>alert(1)</script>"
    clean = reencode_image(file("../Über cover.JPG", content))
    assert clean.name == "Über cover.webp"
    written = clean.read()
    with Image.open(io.BytesIO(written)) as opened:
        assert (opened.format, opened.size, dict(opened.getexif())) == ("WEBP", (20, 40), {})
    assert [hidden in written for hidden in (b"script", b"hidden", b"51.5")] == [False, False, False]


def test_a_large_cover_is_made_as_large_as_a_page():
    with Image.open(reencode_image(file("a.png", image(size=(3000, 1700))))) as opened:
        assert opened.size == (1200, 680)


def test_transparency_survives():
    out = io.BytesIO()
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(out, "PNG")
    with Image.open(reencode_image(file("a.png", out.getvalue()))) as opened:
        assert opened.convert("RGBA").getpixel((0, 0))[3] == 0


def test_an_image_that_ends_early_is_refused():
    whole = image("PNG", size=(300, 300))
    with pytest.raises(ValidationError) as refusal:
        reencode_image(file("a.png", whole[: len(whole) // 2]))
    assert refusal.value.messages == ["The image cannot be read to its end."]


@pytest.mark.parametrize(("name", "image_format"), [("a.png", "PNG"), ("a.jpg", "JPEG"), ("a.jpeg", "JPEG")])
def test_an_image_among_the_resources_is_written_anew_in_its_own_format(name, image_format):
    hidden = {"JPEG": {"comment": b"at home"}, "PNG": {"icc_profile": b"at home"}}[image_format]
    original = image(image_format, **hidden)
    clean = reencode_resource_file(file(name, original + b"<script>"))
    content = clean.read()
    with Image.open(io.BytesIO(content)) as opened:
        assert (clean.name, opened.format, b"<script>" in content) == (name, image_format, False)
        assert ("comment" in opened.info, "icc_profile" in opened.info) == (False, False)


def test_other_resources_are_kept_as_they_are():
    upload = file("guide.pdf", PDF)
    assert reencode_resource_file(upload) is upload


# --- Names ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("Falls checklist (final).PDF", "falls-checklist-final.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\evil.txt", "evil.txt"),
        ("a\0b\r\nSet-Cookie: x.csv", "ab-set-cookie-x.csv"),
        ("日本.pdf", "file.pdf"),
        (".htaccess", "htaccess"),
        ("x" * 300 + ".docx", "x" * 40 + ".docx"),
    ],
)
def test_a_stored_name_is_plain(given_name, kept):
    assert unguessable_name(given_name).partition("/")[2] == kept


def test_a_stored_name_cannot_be_guessed():
    folders = {unguessable_name("a.pdf").partition("/")[0] for _ in range(100)}
    assert (len(folders), {len(folder) for folder in folders}) == (100, {16})


# --- Anything at all ------------------------------------------------------------------------------------------

SUFFIXES = sorted(uploads.RESOURCE_SUFFIXES)
STARTS = st.sampled_from([b"", b"%PDF-", b"PK\x03\x04", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF0000WEBP"])


@given(suffix=st.sampled_from(SUFFIXES), start=STARTS, rest=st.binary(max_size=300))
def test_garbage_is_accepted_or_refused_but_never_breaks(suffix, start, rest):
    for check in (validate_resource_file, validate_image, reencode_image):
        try:
            check(file(f"upload{suffix}", start + rest))
        except ValidationError:
            continue


@given(position=st.integers(0, 2000), byte=st.integers(0, 255), kind=st.sampled_from(sorted(KINDS)))
def test_a_damaged_file_is_accepted_or_refused_but_never_breaks(position, byte, kind):
    damaged = bytearray(KINDS[kind])
    damaged[position % len(damaged)] = byte
    try:
        validate_resource_file(file(f"upload.{kind}", bytes(damaged)))
    except ValidationError:
        return


@given(name=st.text(max_size=200))
def test_any_name_becomes_a_plain_one(name):
    folder, _, kept = unguessable_name(name).partition("/")
    assert len(folder) == 16
    assert kept.isascii()
    assert 0 < len(kept) <= 50
    assert set(kept) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
