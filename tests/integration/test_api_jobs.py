"""Jobs over HTTP: the list, progress, and cancelling."""

from __future__ import annotations

from tests.integration.api_answers import problem
from tests.integration.api_server import Api, Speaker
from wire import jobs as queue
from wire.bus import Redis
from wire.messages import Content, Job, Kind, State
from wire.sources import Jobs, Statuses


def test_job_list_has_pages_with_links(api: Api, redis: Redis) -> None:
    for number in range(5):
        Jobs(redis).save(Job(f"j{number}", created_s=9e9 + number / 3))
    seen, path = [], "/jobs?limit=2"
    while path:
        page = api.http.get(path)
        seen.append([job["id"] for job in page.json()["jobs"]])
        path = page.links.get("next", {}).get("url", "")
        Jobs(redis).save(Job(f"new{len(seen)}", created_s=9.1e9))  # does not shift the pages
    assert seen == [["j4", "j3"], ["j2", "j1"], ["j0"]]
    assert "before" in problem(api.http.get("/jobs?before=yesterday"), 422)
    assert "did you mean 'limit'" in problem(api.http.get("/jobs?limits=2"), 422)


def test_list_of_jobs_asks_redis_for_all_of_them_at_once(api: Api, redis: Redis) -> None:
    for number in range(300):
        Jobs(redis).save(Job(f"j{number}", created_s=9e9 + number, state=State.CANCELLED))

    def reads() -> int:
        return int(redis.info("stats")["total_reads_processed"])

    before = reads()
    assert len(api.http.get("/jobs?limit=300").json()["jobs"]) == 300
    assert reads() - before < 100


def test_progress_is_1_only_after_the_last_caption(api: Api, redis: Redis) -> None:
    Jobs(redis).save(Job("j", created_s=9e9, state=State.FINISHED, duration_s=20.0))
    speaker = Speaker(redis, "jobs/j")

    def seen() -> tuple[str, float]:
        values = api.http.get("/jobs/j").json()
        return values["state"], values["progress"]

    assert seen() == ("running", 0)  # decoded, but nothing is captioned
    speaker.say(start_s=6.0)
    assert seen() == ("running", 0.5)
    speaker.say(start_s=16.0)
    assert seen() == ("running", 0.99)
    speaker.finish()
    assert seen() == ("finished", 1)


def test_a_failed_job_is_not_done(api: Api, redis: Redis) -> None:
    Jobs(redis).save(Job("j", created_s=9e9, state=State.FAILED, error="it cannot translate", duration_s=5.0))
    speaker = Speaker(redis, "jobs/j")
    speaker.say(content=Content.GAP, reason="task")
    speaker.finish()
    values = api.http.get("/jobs/j").json()
    assert (values["state"], values["progress"]) == ("failed", 0)


def test_cancelling_removes_the_file_and_the_captions(api: Api, redis: Redis) -> None:
    id = api.http.post("/jobs", files={"file": ("a.mp3", b"x")}).json()["id"]
    Speaker(redis, f"jobs/{id}").say()
    assert (api.folder / "var/uploads" / f"{id}.mp3").exists()
    assert api.http.delete(f"/jobs/{id}").status_code == 204
    assert not (api.folder / "var/uploads" / f"{id}.mp3").exists()
    assert api.http.get(f"/jobs/{id}").json()["state"] == "cancelled"
    assert Statuses(redis).get(Kind.JOB, id).state is State.CANCELLED
    assert queue.waiting_decodes(redis) == 0
    problem(api.http.get(f"/jobs/{id}/captions.json"), 410)
    assert api.http.delete(f"/jobs/{id}").status_code == 204  # and a second time deletes it
    problem(api.http.get(f"/jobs/{id}"), 404)
