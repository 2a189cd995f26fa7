"""Former slugs, the names and words search knows, and the two rules that need a foreign key of two columns."""

from django.db import migrations

from casestudies.search_names import keep_search_names
from casestudies.search_words import keep_search_words
from partners.slugs import keep_former_slugs


class Migration(migrations.Migration):
    dependencies = [
        ("casestudies", "0001_initial"),
        ("partners", "0002_former_slugs"),
    ]

    operations = [
        *keep_former_slugs("casestudies_theme", "casestudies_themeformerslug"),
        *keep_former_slugs("casestudies_casestudy", "casestudies_casestudyformerslug"),
        *keep_former_slugs("casestudies_report", "casestudies_reportformerslug"),
        keep_search_names(),
        keep_search_words(),
        migrations.RunSQL(
            "ALTER TABLE casestudies_impactfigure ADD CONSTRAINT impactfigure_source_of_same_case_study "
            "FOREIGN KEY (source_id, case_study_id) REFERENCES casestudies_source (id, case_study_id) "
            "DEFERRABLE INITIALLY DEFERRED;",
            "ALTER TABLE casestudies_impactfigure DROP CONSTRAINT impactfigure_source_of_same_case_study;",
        ),
        migrations.RunSQL(
            "ALTER TABLE casestudies_reportentry ADD CONSTRAINT reportentry_section_of_same_report "
            "FOREIGN KEY (section_id, report_id) REFERENCES casestudies_reportsection (id, report_id) "
            "DEFERRABLE INITIALLY DEFERRED;",
            "ALTER TABLE casestudies_reportentry DROP CONSTRAINT reportentry_section_of_same_report;",
        ),
    ]
