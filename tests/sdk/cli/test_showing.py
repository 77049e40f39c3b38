def test_a_profile_is_not_shown(run: Run, bundle_folder: Path, profile: Path, secret: Path) -> None:
    arguments = ("--bundle", bundle_folder, "--profile", profile, "--passphrase-file", secret)
    status, out, err = run("profile", "show", *arguments)
    assert (status, err) == (0, "")
    assert out.startswith("3 events, 2 consent records, ")
    assert "personalization  allowed" in out
    assert "contribution     not allowed" in out
    assert out.splitlines()[-3:] == ["  rate 4.5: Title № 3", "  watch: Title № 8", "  buy: unheard-of"]
    assert run("profile", "show", "-k", 1, *arguments)[1].count(": ") == 1


def test_the_passphrase_is_not_asked_for(
    run: Run, bundle_folder: Path, profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return PHRASE

    monkeypatch.setattr("getpass.getpass", answer)
    assert run("profile", "show", "--bundle", bundle_folder, "--profile", profile)[0] == 0
    assert len(asked) == 1
