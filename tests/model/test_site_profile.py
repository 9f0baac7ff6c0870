"""A site file becomes the profile of a site, or an error that names the line and the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from cybilgraph.errors import SiteError
from cybilgraph.model.site_profile import DEFAULT_PROFILE, SiteProfile, from_document, read_profile
from tests.conftest import SEED, run

LEAST = 'title = "Pacific: who works where"\ndescription = """Projects in\nthe Pacific."""\npublisher.name = "Hub"\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "site.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_only_three_keys_are_required(tmp_path: Path) -> None:
    profile = read_profile(written(tmp_path, LEAST))
    assert (profile.name, profile.tagline, profile.publisher_name) == ("Pacific", "who works where", "Hub")
    assert profile.description == "Projects in the Pacific."
    own = {profile.licence, profile.contact_email, profile.publisher_org_id, profile.publisher_iri, profile.sources}
    assert own == {"", ()}, "nothing is taken from the default profile"
    assert not profile.contacts


@pytest.mark.parametrize("profile", [DEFAULT_PROFILE, SiteProfile(title="T", description="D", publisher_name="P")])
def test_release_keeps_the_profile(profile: SiteProfile) -> None:
    assert from_document(profile.document()) == profile


def test_without_a_file_the_profile_is_the_default() -> None:
    assert read_profile(None) is DEFAULT_PROFILE


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ('licens = "https://a.example"', r"line 5, licens: unknown key\n  Did you mean licence\?"),
        ('[publisher]\nnaem = "x"', "not valid TOML"),
        ('[contact]\nmail = "a@example.org"', r"line 6, contact.mail: unknown key\n  Did you mean contact.email\?"),
        ('[contact]\n\nemail = "a b@example.org"', "line 7, contact.email: 'a b@example.org' is not an e-mail address"),
        ('contact = {email = "x"}', "site.toml, contact.email: 'x' is not an e-mail address"),
        ('licence = "CC BY"', "line 5, licence: 'CC BY' is not an absolute URL"),
        ('links.privacy = "javascript:alert(1)"', "line 5, links.privacy: 'javascript:alert.1.' is not an absolute URL"),
        ('links.privacy = "https://a.example/\\"><script>"', "is not an absolute URL"),
        ('links.privacy = "https:///x"', "is not an absolute URL"),
        ('doi = "https://doi.org/10.1/x"', "line 5, doi: .* is not a DOI"),
        ('publisher.org-id = "hub"', "line 5, publisher.org-id: 'hub' is not an identifier of an organisation"),
        ('languages = "en"', "line 5, languages: 'en' is not a list"),
        ('languages = ["en", "xx"]', "line 5, languages: .* is not a list, each the code of a language"),
        ("languages = []", "line 5, languages"),
        ('base = "https://data.example.org"', "line 5, base: .* is not the base .* ends in a slash"),
        ('base = "https://data.example.org/?x=/"', "line 5, base: .* is not the base"),
        ('base = "https://data.example.org/a/../b/"', r"line 5, base: .* is not the base .* without query, fragment and dot segments"),
        ('base = "https://data.example.org/./"', "line 5, base: .* is not the base"),
        ('base = "https://w3id.org/"', "line 5, base: .* is not the base of a site of its own"),
        ('base = "https://w3id.org/cybilgraph/pacific/"', "line 5, base: .* is not the base of a site of its own"),
        ('base = "http://w3id.org/cybilgraph/pacific/"', "line 5, base: .* is not the base of a site of its own"),
        ('base = "http://w3id.org/cybilgraph/"', "line 5, base: .* is not the base of a site of its own"),
        ('base = "https://W3ID.org/cybilgraph/"', "line 5, base: .* is not the base of a site of its own"),
        ('contacts = "no"', "line 5, contacts: 'no' is not true or false"),
        ("rights = 3", "line 5, rights: 3 is not a text"),
        ('rights = " "', "line 5, rights: ' ' is not a text"),
        ("x = [", "is not valid TOML: "),
    ],
)  # fmt: skip
def test_mistake_is_reported_with_its_line_and_key(tmp_path: Path, more: str, problem: str) -> None:
    with pytest.raises(SiteError, match=problem):
        read_profile(written(tmp_path, f"{LEAST}{more}\n"))


@pytest.mark.parametrize("key", ["title", "description", "publisher.name"])
def test_missing_key_is_reported(tmp_path: Path, key: str) -> None:
    lines = LEAST.replace('"""Projects in\nthe Pacific."""', '"Projects"').splitlines()
    text = "\n".join(line for line in lines if not line.startswith(key))
    with pytest.raises(SiteError, match=f"{key} is missing"):
        read_profile(written(tmp_path, text))


def test_commands_report_a_wrong_file(tmp_path: Path) -> None:
    path = written(tmp_path, f'{LEAST}licence = "none"\n')
    for command in (("convert", SEED), ("build", SEED, "--into", tmp_path / "R"), ("serve", tmp_path)):
        result = run(*command, "--site", path)
        assert result.returncode == 2
        assert b"line 5, licence: 'none' is not an absolute URL" in result.stderr
    assert b"cannot be read" in run("convert", SEED, "--site", tmp_path / "none.toml").stderr


@pytest.mark.slow
def test_iati_requires_an_identifier_of_the_publisher(tmp_path: Path) -> None:
    path = written(tmp_path, LEAST)
    result = run("convert", SEED, "-f", "iati", "--site", path)
    assert result.returncode == 2
    assert b"org-id" in result.stderr
    path.write_text(f'{LEAST}publisher.org-id = "FJ-ROC-1"\n')
    activities = run("convert", SEED, "-f", "iati", "--site", path).stdout.decode()
    assert '<reporting-org ref="FJ-ROC-1" type="90" secondary-reporter="1">' in activities
    assert "<narrative>Hub</narrative>" in activities
    assert ">FJ-ROC-1-G0020</iati-identifier>" in activities
    (tmp_path / "activities.xml").write_text(activities, encoding="utf-8")
    again = run("convert", tmp_path / "activities.xml", "-f", "iati", "--site", path).stdout.decode()
    assert "FJ-ROC-1-FJ-ROC-1" not in again
    assert again.count("FJ-ROC-1-G0020") == 1, "a generated identifier is not the project's own"
