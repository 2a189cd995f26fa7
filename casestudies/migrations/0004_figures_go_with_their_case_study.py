"""Let a case study be deleted with its figures and their sources; only Django checks it, so no table changes."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("casestudies", "0003_setting_phrase")]

    operations = [
        migrations.AlterField(
            model_name="impactfigure",
            name="source",
            field=models.ForeignKey(
                help_text="Where it was published.",
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="impact_figures",
                to="casestudies.source",
            ),
        ),
    ]
