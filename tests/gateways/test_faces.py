"""Faces: every problem has a photo that shows it, the gesture has every way to cheat that can be seen, children may die."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from backend.gateways import faces as face_work
from backend.gateways.face_report import DISTANCE_THRESHOLD, SCORE_THRESHOLD, compare, score
from backend.gateways.faces import FaceEngineDied, FacePool, face_check
from backend.sandbox.portraits import NAMES, PortraitName
from tests import faces_support as pictures

COLLINS, HOPPER = pictures.portrait("collins"), pictures.portrait("hopper")


@pytest.mark.parametrize(
    ("photo", "problem"),
    [
        (COLLINS, None),
        (HOPPER, None),
        (pictures.portrait("hopper", 4000), None),
        (pictures.mirrored(HOPPER), None),
        (pictures.recoded(COLLINS, 30), None),
        (pictures.as_format(HOPPER, "HEIC"), None),
        (pictures.darkened(HOPPER, 0.5), None),
        (pictures.cropped(COLLINS, 0.0, 0.6, 1.0, 1.0), "no_face"),
        (pictures.tiled_two(COLLINS, HOPPER), "many_faces"),
        (pictures.shrunk(COLLINS), "small"),
        (pictures.far_away(HOPPER, 0.12), "small"),
        (pictures.darkened(COLLINS), "dark"),
        (pictures.darkened(HOPPER), "dark"),
        (pictures.darkened(HOPPER, 0.03), "dark"),
        (pictures.brightened(COLLINS), "bright"),
        (pictures.brightened(HOPPER), "bright"),
        (pictures.blurred(COLLINS), "blurred"),
        (pictures.blurred(HOPPER), "blurred"),
        (pictures.blurred(HOPPER, 14), "blurred"),
        (pictures.cropped(COLLINS, 0.4, 0.0, 1.0, 1.0), "cut_off"),
        (pictures.cropped(HOPPER, 0.0, 0.0, 1.0, 0.53), "cut_off"),
        (pictures.turned(COLLINS, 35), "turned"),
        (pictures.turned(HOPPER, -45), "turned"),
        (pictures.ktp(COLLINS), "ktp"),
        (pictures.ktp(HOPPER, share=0.6), "ktp"),
        (pictures.ktp(HOPPER, grey=True), "ktp"),
        (pictures.mirrored(pictures.ktp(COLLINS)), "ktp"),
        (b"no picture", "unreadable"),
        (COLLINS[:9000], "unreadable"),
        (pictures.bomb(), "unreadable"),
    ],
    ids=[
        "collins", "hopper", "hopper large", "mirrored", "coarse", "heic", "dusk", "no face", "two", "tiny", "far", "dark",
        "dark hopper", "night", "bright", "bright hopper", "blurred", "blurred hopper", "very blurred", "cheek outside",
        "chin outside", "turned", "turned hopper", "ktp", "ktp on a table", "photocopy", "ktp mirrored", "no picture",
        "half", "bomb",
    ],
)  # fmt: skip
async def test_each_problem_is_recognised(faces: FacePool, photo: bytes, problem: str | None) -> None:
    report = await faces.inspect(photo)
    assert report.problem == problem
    if problem is None:
        assert report.faces == 1
        assert report.encoding is not None
        assert len(report.encoding) == 128
        assert report.yaw_ratio is not None
        assert abs(math.log(report.yaw_ratio)) < 0.3


def wall_of_text_lines() -> bytes:
    """A selfie before a brick wall: rows with gaps, as print has, but few upright edges."""
    wall = Image.new("RGB", (1200, 900), (130, 180, 235))
    draw = ImageDraw.Draw(wall)
    for y in range(0, 900, 30):
        for x in range((y // 30 % 2) * 40 - 80, 1200, 80):
            draw.rectangle((x, y, x + 74, y + 24), (150 + x % 30, 150, 165))
    person = pictures.picture_of(HOPPER)
    person.thumbnail((300, 400))
    wall.paste(person, (480, 380))
    return pictures.jpeg_of(wall)


async def test_bricks_and_a_blue_sky_are_no_id_card(faces: FacePool) -> None:
    assert (await faces.inspect(wall_of_text_lines())).problem is None


async def test_the_same_person_is_near_and_another_one_far(faces: FacePool) -> None:
    collins, again, hopper = [await faces.inspect(p) for p in (COLLINS, pictures.portrait("collins", 3000), HOPPER)]
    assert collins.encoding is not None
    assert again.encoding is not None
    assert hopper.encoding is not None
    assert compare(collins.encoding, again.encoding) < 0.15
    assert compare(collins.encoding, hopper.encoding) > 0.6


def test_the_score_has_the_vendors_threshold_where_the_distance_has_its_own() -> None:
    assert score(DISTANCE_THRESHOLD) == SCORE_THRESHOLD == 0.75
    assert (score(0.0), score(2.5)) == (1.0, 0.0)
    assert score(0.3) > score(0.31)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("degrees", [-35, 35])
async def test_a_head_turned_to_either_side_passes(faces: FacePool, name: PortraitName, degrees: float) -> None:
    front, turned = pictures.portrait(name), pictures.turned(pictures.portrait(name), degrees)
    verdict = await faces.verify_selfie(front, turned)
    assert verdict.ok, verdict
    assert verdict.encoding == (await faces.inspect(front)).encoding
    assert (await faces.verify_selfie(front, pictures.mirrored(turned))).ok


@pytest.mark.parametrize(
    ("front", "turned", "problem", "photo"),
    [
        (COLLINS, COLLINS, "same_photo", "turned"),
        (HOPPER, pictures.mirrored(HOPPER), "same_photo", "turned"),
        (HOPPER, pictures.recoded(HOPPER, 40), "same_photo", "turned"),
        (COLLINS, pictures.cropped(pictures.mirrored(COLLINS), 0.1, 0.05, 0.95, 0.9), "same_photo", "turned"),
        (COLLINS, pictures.portrait("collins", 1500), "same_photo", "turned"),
        (HOPPER, pictures.brightened(HOPPER, 1.2), "same_photo", "turned"),
        (pictures.turned(HOPPER, -15), pictures.mirrored(pictures.turned(HOPPER, -15)), "same_photo", "turned"),
        (COLLINS, pictures.turned(COLLINS, 3), "same_photo", "turned"),
        (pictures.turned(HOPPER, -10), pictures.turned(HOPPER, 2), "not_turned", "turned"),
        (COLLINS, pictures.turned(HOPPER, 35), "other_person", "turned"),
        (COLLINS, pictures.darkened(pictures.turned(COLLINS, 30)), "dark", "turned"),
        (COLLINS, pictures.cropped(COLLINS, 0.0, 0.6, 1.0, 1.0), "no_face", "turned"),
        (COLLINS, b"half a ph", "unreadable", "turned"),
        (pictures.turned(COLLINS, 35), COLLINS, "turned", "front"),
        (pictures.ktp(COLLINS), pictures.turned(COLLINS, 35), "ktp", "front"),
        (pictures.tiled_two(COLLINS, HOPPER), pictures.turned(COLLINS, 35), "many_faces", "front"),
    ],
    ids=[
        "same bytes", "mirrored", "re-encoded", "mirrored and cropped", "enlarged", "brightened", "mirrored slight turn",
        "hardly turned", "another photo, not turned", "somebody else turned", "turned in the dark", "turned without a face",
        "turned unreadable", "the two swapped", "id card", "two people",
    ],
)  # fmt: skip
async def test_a_second_photo_that_proves_nothing_is_refused(
    faces: FacePool, front: bytes, turned: bytes, problem: str, photo: str
) -> None:
    verdict = await faces.verify_selfie(front, turned)
    assert (verdict.ok, verdict.problem, verdict.photo) == (False, problem, photo)


def test_what_the_command_line_prints() -> None:
    turned = pictures.turned(COLLINS, 30)
    good = face_check(COLLINS, pictures.portrait("collins", 2000), turned)
    assert list(good) == ["match", "distance", "score", "faces", "quality", "liveness", "reason", "ms"]
    assert good["match"] is True
    assert (good["faces"], good["quality"], good["liveness"], good["reason"]) == (1, "ok", "passed", None)
    other = face_check(COLLINS, HOPPER)
    assert (other["match"], other["liveness"], other["reason"]) == (False, "not_checked", "other_person")
    copied = face_check(COLLINS, HOPPER, pictures.mirrored(HOPPER))
    assert (copied["match"], copied["liveness"]) == (False, "failed")
    dark = face_check(COLLINS, pictures.darkened(COLLINS), turned)
    assert (dark["match"], dark["quality"], dark["reason"], dark["liveness"]) == (False, "dark", "dark", "not_checked")
    assert face_check(b"nothing", COLLINS)["reason"] == "reference_unusable"
    assert face_check(COLLINS, b"nothing")["quality"] == "unreadable"


async def test_the_loop_goes_on_while_faces_are_looked_at(faces: FacePool) -> None:
    await faces.warm_up()
    large = pictures.portrait("collins", 3500)
    work = asyncio.gather(*(faces.inspect(large) for _ in range(4)))
    longest, start = 0.0, time.monotonic()
    before = start
    while not work.done():
        await asyncio.sleep(0.001)
        now = time.monotonic()
        longest, before = max(longest, now - before), now
    assert all(report.problem is None for report in await work)
    # One photo looked at on the loop would be a gap of a quarter of the whole, however busy the machine is.
    assert longest < (before - start) / 8


def child_pid() -> int:
    return os.getpid()


async def test_a_killed_child_is_replaced_and_the_work_done_again() -> None:
    pool = FacePool()
    try:
        first = await pool.run(child_pid)
        work = asyncio.gather(*(pool.inspect(HOPPER) for _ in range(3)))
        await asyncio.sleep(0.1)
        os.kill(first, signal.SIGKILL)
        assert all(report.problem is None for report in await work)
        assert await pool.run(child_pid) != first
    finally:
        pool.close()


async def test_work_that_never_ends_costs_one_child_only() -> None:
    pool = FacePool(deadline_s=0.5)
    try:
        before = time.monotonic()
        with pytest.raises(FaceEngineDied):
            await pool.run(time.sleep, 600)
        assert time.monotonic() - before < 60
        assert await pool.run(child_pid) > 0
    finally:
        pool.close()


async def test_children_leave_with_a_killed_parent(tmp_path: Path) -> None:
    script = (
        "import asyncio, os, signal\n"
        "from backend.gateways.faces import FacePool\n"
        "async def main():\n"
        "    pool = FacePool()\n"
        "    print(await pool.run(os.getpid), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "if __name__ == '__main__':\n"
        "    asyncio.run(main())\n"
    )
    path = tmp_path / "parent.py"
    path.write_text(script)
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    parent = await asyncio.create_subprocess_exec(sys.executable, path, stdout=asyncio.subprocess.PIPE, env=environment)
    out, _ = await parent.communicate()
    child = int(out.split()[0])
    deadline = time.monotonic() + 10
    while _alive(child):
        assert time.monotonic() < deadline, "the child outlived its parent"
        await asyncio.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_server_never_loads_the_models() -> None:
    assert "dlib" not in vars(face_work)
