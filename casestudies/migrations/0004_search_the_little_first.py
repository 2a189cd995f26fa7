"""Columns that search can read fast, in a row that stays narrow."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('casestudies', '0003_first_synonyms'),
        ('partners', '0002_former_slugs'),
    ]

    operations = [
        # Texts stand outside the row from the first, so that a search over many rows reads few pages of the disk. Said
        # before the columns are added: these write every row anew.
        migrations.RunSQL(
            "ALTER TABLE casestudies_casestudy SET (toast_tuple_target = 256);",
            "ALTER TABLE casestudies_casestudy RESET (toast_tuple_target);",
        ),
        migrations.AddField(
            model_name='casestudy',
            name='head_vector',
            field=models.GeneratedField(db_persist=True, expression=django.contrib.postgres.search.CombinedSearchVector(django.contrib.postgres.search.CombinedSearchVector(django.contrib.postgres.search.SearchVector('title', config='english', weight='A'), '||', django.contrib.postgres.search.SearchVector('summary', 'search_names', config='english', weight='B'), django.contrib.postgres.search.SearchConfig('english')), '||', django.contrib.postgres.search.SearchVector('search_partners', config='english', weight='C'), django.contrib.postgres.search.SearchConfig('english')), output_field=django.contrib.postgres.search.SearchVectorField()),
        ),
        migrations.AddField(
            model_name='casestudy',
            name='title_vector',
            field=models.GeneratedField(db_persist=True, expression=django.contrib.postgres.search.SearchVector('title', config='english'), output_field=django.contrib.postgres.search.SearchVectorField()),
        ),
        migrations.AddIndex(
            model_name='casestudy',
            index=django.contrib.postgres.indexes.GinIndex(fastupdate=False, fields=['head_vector'], name='casestudy_search_head'),
        ),
        migrations.AddIndex(
            model_name='casestudy',
            index=django.contrib.postgres.indexes.GinIndex(fastupdate=False, fields=['title_vector'], name='casestudy_search_title'),
        ),
        # A search reads the entries not yet filed one by one: file each at once, as few write and many search.
        migrations.SeparateDatabaseAndState(
            [
                migrations.RunSQL(
                    "ALTER INDEX casestudy_search SET (fastupdate = off);"
                    "SELECT gin_clean_pending_list('casestudy_search');",
                    "ALTER INDEX casestudy_search RESET (fastupdate);",
                )
            ],
            [
                migrations.RemoveIndex(model_name='casestudy', name='casestudy_search'),
                migrations.AddIndex(
                    model_name='casestudy',
                    index=django.contrib.postgres.indexes.GinIndex(fastupdate=False, fields=['search_vector'], name='casestudy_search'),
                ),
            ],
        ),
    ]
