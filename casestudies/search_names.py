"""
The names that search knows a case study by, kept by the database.

`CaseStudy.search_names` holds the names of its themes and settings and every name of its lead organisation,
`CaseStudy.search_partners` every name of its partners and the area of its lead, so that one generated, indexed
column answers a search across them all. Triggers keep it: whichever way a name or a link
changes (admin, loader, shell, SQL), search knows with the commit.
"""

from django.db.migrations.operations import RunSQL

FUNCTIONS = """
-- Volatile, so that they see what a concurrent transaction committed while the row's lock was awaited.
CREATE FUNCTION organisation_search_names(organisation bigint) RETURNS SETOF text AS $$
    SELECT name FROM partners_organisation WHERE id = $1
    UNION SELECT psc_name FROM partners_organisation WHERE id = $1
    UNION SELECT name FROM partners_organisationname WHERE organisation_id = $1;
$$ LANGUAGE sql VOLATILE;

CREATE FUNCTION casestudy_search_names(case_study bigint, lead bigint) RETURNS text AS $$
    SELECT COALESCE(string_agg(name, '; ' ORDER BY name), '') FROM (
        SELECT theme.name FROM casestudies_casestudy_themes link
            JOIN casestudies_theme theme ON theme.id = link.theme_id WHERE link.casestudy_id = $1
        UNION SELECT setting.name FROM casestudies_casestudy_settings link
            JOIN casestudies_setting setting ON setting.id = link.setting_id WHERE link.casestudy_id = $1
        UNION SELECT organisation_search_names($2)
    ) names(name) WHERE name <> '';
$$ LANGUAGE sql VOLATILE;

CREATE FUNCTION casestudy_search_partners(case_study bigint, lead bigint) RETURNS text AS $$
    SELECT COALESCE(string_agg(name, '; ' ORDER BY name), '') FROM (
        SELECT area FROM partners_organisation WHERE id = $2
        UNION SELECT initcap(replace(region, '-', ' ')) FROM partners_organisation WHERE id = $2
        UNION SELECT organisation_search_names(organisation_id)
            FROM casestudies_casestudy_partner_organisations WHERE casestudy_id = $1
    ) names(name) WHERE name <> '';
$$ LANGUAGE sql VOLATILE;

-- Whatever an UPDATE says of the two columns, the row gets the right ones.
CREATE FUNCTION set_search_names() RETURNS trigger AS $$
BEGIN
    NEW.search_names := casestudy_search_names(NEW.id, NEW.lead_organisation_id);
    NEW.search_partners := casestudy_search_partners(NEW.id, NEW.lead_organisation_id);
    RETURN NEW;
END
$$ LANGUAGE plpgsql;

CREATE FUNCTION refresh_search_names(case_studies bigint[]) RETURNS void AS $$
    UPDATE casestudies_casestudy SET search_names = '' WHERE id = ANY($1);
$$ LANGUAGE sql;

CREATE FUNCTION search_names_after_link() RETURNS trigger AS $$
BEGIN
    IF TG_OP <> 'DELETE' THEN PERFORM refresh_search_names(ARRAY[NEW.casestudy_id]); END IF;
    IF TG_OP <> 'INSERT' THEN PERFORM refresh_search_names(ARRAY[OLD.casestudy_id]); END IF;
    RETURN NULL;
END
$$ LANGUAGE plpgsql;

CREATE FUNCTION search_names_after_theme() RETURNS trigger AS $$
BEGIN
    PERFORM refresh_search_names(ARRAY(
        SELECT casestudy_id FROM casestudies_casestudy_themes WHERE theme_id = NEW.id));
    RETURN NULL;
END
$$ LANGUAGE plpgsql;

CREATE FUNCTION search_names_after_setting() RETURNS trigger AS $$
BEGIN
    PERFORM refresh_search_names(ARRAY(
        SELECT casestudy_id FROM casestudies_casestudy_settings WHERE setting_id = NEW.id));
    RETURN NULL;
END
$$ LANGUAGE plpgsql;

CREATE FUNCTION refresh_search_names_of_organisation(organisation bigint) RETURNS void AS $$
    SELECT refresh_search_names(ARRAY(
        SELECT id FROM casestudies_casestudy WHERE lead_organisation_id = $1
        UNION SELECT casestudy_id FROM casestudies_casestudy_partner_organisations WHERE organisation_id = $1));
$$ LANGUAGE sql;

CREATE FUNCTION search_names_after_organisation() RETURNS trigger AS $$
BEGIN
    PERFORM refresh_search_names_of_organisation(NEW.id);
    RETURN NULL;
END
$$ LANGUAGE plpgsql;

CREATE FUNCTION search_names_after_organisation_name() RETURNS trigger AS $$
BEGIN
    IF TG_OP <> 'DELETE' THEN PERFORM refresh_search_names_of_organisation(NEW.organisation_id); END IF;
    IF TG_OP <> 'INSERT' THEN PERFORM refresh_search_names_of_organisation(OLD.organisation_id); END IF;
    RETURN NULL;
END
$$ LANGUAGE plpgsql;

CREATE TRIGGER set_search_names BEFORE INSERT OR UPDATE OF lead_organisation_id, search_names, search_partners
    ON casestudies_casestudy FOR EACH ROW EXECUTE FUNCTION set_search_names();
CREATE TRIGGER search_names_after_link AFTER INSERT OR UPDATE OR DELETE
    ON casestudies_casestudy_themes FOR EACH ROW EXECUTE FUNCTION search_names_after_link();
CREATE TRIGGER search_names_after_link AFTER INSERT OR UPDATE OR DELETE
    ON casestudies_casestudy_settings FOR EACH ROW EXECUTE FUNCTION search_names_after_link();
CREATE TRIGGER search_names_after_link AFTER INSERT OR UPDATE OR DELETE
    ON casestudies_casestudy_partner_organisations FOR EACH ROW EXECUTE FUNCTION search_names_after_link();
CREATE TRIGGER search_names_after_theme AFTER UPDATE OF name
    ON casestudies_theme FOR EACH ROW EXECUTE FUNCTION search_names_after_theme();
CREATE TRIGGER search_names_after_setting AFTER UPDATE OF name
    ON casestudies_setting FOR EACH ROW EXECUTE FUNCTION search_names_after_setting();
CREATE TRIGGER search_names_after_organisation AFTER UPDATE OF name, psc_name, area, region
    ON partners_organisation FOR EACH ROW EXECUTE FUNCTION search_names_after_organisation();
CREATE TRIGGER search_names_after_organisation_name AFTER INSERT OR UPDATE OR DELETE
    ON partners_organisationname FOR EACH ROW EXECUTE FUNCTION search_names_after_organisation_name();
"""

REVERSE = """
DROP TRIGGER search_names_after_organisation_name ON partners_organisationname;
DROP TRIGGER search_names_after_organisation ON partners_organisation;
DROP TRIGGER search_names_after_setting ON casestudies_setting;
DROP TRIGGER search_names_after_theme ON casestudies_theme;
DROP TRIGGER search_names_after_link ON casestudies_casestudy_partner_organisations;
DROP TRIGGER search_names_after_link ON casestudies_casestudy_settings;
DROP TRIGGER search_names_after_link ON casestudies_casestudy_themes;
DROP TRIGGER set_search_names ON casestudies_casestudy;
DROP FUNCTION search_names_after_organisation_name, search_names_after_organisation,
    refresh_search_names_of_organisation, search_names_after_setting, search_names_after_theme,
    search_names_after_link, refresh_search_names, set_search_names, casestudy_search_names,
    casestudy_search_partners, organisation_search_names;
"""


def keep_search_names() -> RunSQL:
    """Give the migration operation that installs the triggers."""
    return RunSQL(FUNCTIONS, REVERSE)
