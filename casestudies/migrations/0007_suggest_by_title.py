"""Indexes that find a title while it is typed: by its words as they are written, and by its beginning."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.functions.comparison
import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('casestudies', '0006_more_synonyms'),
        ('partners', '0002_former_slugs'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='casestudy',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.search.SearchVector('title', config='simple'), fastupdate=False, name='casestudy_title_words'),
        ),
        migrations.AddIndex(
            model_name='casestudy',
            index=models.Index(django.db.models.functions.comparison.Collate(django.db.models.functions.text.Lower('title'), 'C'), condition=models.Q(('status', 'published')), name='casestudy_title_begins'),
        ),
    ]
