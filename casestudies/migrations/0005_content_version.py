"""The version of all that visitors may see, and the triggers that keep it."""

from django.db import migrations, models

from casestudies.content_version import keep_content_version


class Migration(migrations.Migration):
    dependencies = [
        ('casestudies', '0004_search_the_little_first'),
        ('partners', '0002_former_slugs'),
    ]

    operations = [
        migrations.CreateModel(
            name='ContentChange',
            fields=[
                ('case_study_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('version', models.BigIntegerField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name='ContentNote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('case_study_id', models.BigIntegerField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='ContentVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.BigIntegerField()),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='contentversion_is_one', violation_error_message='There is one version of the content.')],
            },
        ),
        *keep_content_version(),
    ]
