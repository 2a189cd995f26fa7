"""Let the database remember former slugs, so that old addresses keep redirecting."""

from django.db import migrations

from partners.slugs import create_function, keep_former_slugs


class Migration(migrations.Migration):
    dependencies = [("partners", "0001_initial")]

    operations = [
        create_function(),
        *keep_former_slugs("partners_organisation", "partners_organisationformerslug"),
    ]
