@pytest.mark.parametrize("answer", ["", "y", "Yes", "no", "yes please"])
def test_a_profile_is_erased_without_a_clear_yes(
    run: Run, profile: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    prompts: list[str] = []

    def reply(prompt: str) -> str:
        prompts.append(prompt)
        return answer

    monkeypatch.setattr("builtins.input", reply)
    run.fails("nothing was erased", "profile", "erase", "--profile", profile)
    assert len(prompts) == 1
    assert str(profile) in prompts[0]
    assert any(profile.iterdir())


@pytest.mark.parametrize("way", ["asked", "--yes"])
def test_a_profile_is_not_erased(run: Run, profile: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    def reply(prompt: str) -> str:
        assert way == "asked", prompt
        return "yes"

    monkeypatch.setattr("builtins.input", reply)
    status, out, err = run("profile", "erase", "--profile", profile, *(["--yes"] if way == "--yes" else []))
    assert (status, err) == (0, "")
    assert not profile.exists()
    assert "key" in out
    assert all(limit in out for limit in OUT_OF_SCOPE)
