"""
Addresses that keep working after a change.

A model with a page of its own has a slug and, beside it, a small model of its former slugs, kept by a trigger in
the database, so that no way of saving gets round it. The page's view finds a record by either and redirects from
the old address to the new one.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.migrations.operations import RunSQL

FUNCTION = """
CREATE FUNCTION keep_former_slug() RETURNS trigger AS $$
BEGIN
    -- A slug in use belongs to its present owner, not to another record's past.
    EXECUTE format('DELETE FROM %I WHERE slug = $1', TG_ARGV[0]) USING NEW.slug;
    IF TG_OP = 'UPDATE' THEN
        EXECUTE format(
            'INSERT INTO %I (slug, current_id, changed_at) VALUES ($1, $2, now())'
            ' ON CONFLICT (slug) DO UPDATE SET current_id = EXCLUDED.current_id, changed_at = now()',
            TG_ARGV[0]
        ) USING OLD.slug, NEW.id;
    END IF;
    RETURN NULL;
END
$$ LANGUAGE plpgsql;
"""


class FormerSlug(models.Model):
    """A slug that a record had once. Subclasses add `current`, the foreign key to the record."""

    slug = models.SlugField(max_length=100, unique=True)
    changed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug

    if TYPE_CHECKING:
        current: models.ForeignKey[models.Model, models.Model]


class Slugged(models.Model):
    """
    A record with a public address made from its slug.

    `former_slug_model` names the model of its former slugs; the migration that creates the table adds the trigger
    with `keep_former_slugs`.
    """

    slug = models.SlugField(
        "address name",
        max_length=100,
        unique=True,
        help_text="The last part of the page's address. The old address redirects after a change.",
        error_messages={"unique": "Another page already has this address name."},
    )

    former_slug_model: ClassVar[type[FormerSlug]]

    class Meta:
        abstract = True

    def get_absolute_url(self) -> str:
        """Give the path of its page."""
        raise NotImplementedError

    def validate_unique(self, exclude: Collection[str] | None = None) -> None:
        """
        Refuse another record's former slug too: the trigger would forget that one, and links to it would break.

        Raises ValidationError.
        """
        super().validate_unique(exclude)
        if "slug" in (exclude or ()):
            return
        former = self.former_slug_model._default_manager.filter(slug=self.slug).first()
        if former is not None and former.current.pk != self.pk:
            message = "Another page had this address name before, and links to it still lead there."
            raise ValidationError({"slug": ValidationError(message, code="former")})


def create_function() -> RunSQL:
    """Give the migration operation that makes the trigger's function, once for all tables."""
    return RunSQL(FUNCTION, "DROP FUNCTION keep_former_slug();")


def keep_former_slugs(table: str, former_table: str) -> list[RunSQL]:
    """Give the migration operations that let `former_table` remember each slug that `table` gives up."""
    return [
        RunSQL(
            f"CREATE TRIGGER keep_former_slug_on_insert AFTER INSERT ON {table} FOR EACH ROW "
            f"EXECUTE FUNCTION keep_former_slug('{former_table}');",
            f"DROP TRIGGER keep_former_slug_on_insert ON {table};",
        ),
        RunSQL(
            f"CREATE TRIGGER keep_former_slug_on_update AFTER UPDATE OF slug ON {table} FOR EACH ROW "
            f"WHEN (OLD.slug IS DISTINCT FROM NEW.slug) EXECUTE FUNCTION keep_former_slug('{former_table}');",
            f"DROP TRIGGER keep_former_slug_on_update ON {table};",
        ),
    ]
