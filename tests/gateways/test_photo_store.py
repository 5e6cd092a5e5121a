"""The photo store on a real folder and in memory: sealed, bound to its key, erasable."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.crypto import KeyRing, KeyRingError
from backend.gateways.photo_store import PhotoMissing, PhotoStore, PhotoStoreError
from tests import faces_support as pictures

PHOTO = pictures.portrait("collins")


@pytest.fixture(params=["file:{}", "file://{}", "memory:"])
def store(request: pytest.FixtureRequest, tmp_path: Path, keyring: KeyRing) -> PhotoStore:
    url: str = request.param
    return PhotoStore(url.format(tmp_path / "photos"), keyring.seal, keyring.open)


async def test_a_photo_comes_back_until_it_is_erased(store: PhotoStore) -> None:
    await store.put("selfie/7f3a", PHOTO)
    await store.put("selfie/7f3b", b"another")
    assert await store.get("selfie/7f3a") == PHOTO
    await store.put("selfie/7f3a", b"replaced")
    assert await store.get("selfie/7f3a") == b"replaced"
    await store.delete("selfie/7f3a")
    await store.delete("selfie/7f3a")
    with pytest.raises(PhotoMissing) as caught:
        await store.get("selfie/7f3a")
    assert not caught.value.retryable
    assert await store.get("selfie/7f3b") == b"another"


async def test_nothing_readable_rests_on_the_disk(tmp_path: Path, keyring: KeyRing) -> None:
    store = PhotoStore(f"file:{tmp_path}", keyring.seal, keyring.open)
    await store.put("selfie/7f3a", PHOTO)
    kept = tmp_path / "selfie" / "7f3a"
    assert b"JFIF" not in kept.read_bytes()
    assert PHOTO[1000:1016] not in kept.read_bytes()


async def test_an_object_put_in_anothers_place_does_not_open(tmp_path: Path, keyring: KeyRing) -> None:
    store = PhotoStore(f"file:{tmp_path}", keyring.seal, keyring.open)
    await store.put("a", PHOTO)
    await store.put("b", b"mine")
    (tmp_path / "a").replace(tmp_path / "b")
    with pytest.raises(KeyRingError):
        await store.get("b")


@pytest.mark.parametrize("key", ["", "../etc/passwd", "a/../b", "/a", "a//b", "a b", "é", "x" * 81, "a/b/c/d/e/f"])
async def test_a_key_cannot_leave_the_store(store: PhotoStore, key: str) -> None:
    for attempt in (store.put(key, b""), store.get(key), store.delete(key)):
        with pytest.raises(ValueError, match="a photo's key"):
            await attempt


async def test_a_relative_folder_is_relative(tmp_path: Path, keyring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = PhotoStore("file:var/photos", keyring.seal, keyring.open)
    await store.put("a", b"x")
    assert (tmp_path / "var" / "photos" / "a").is_file()
    assert (tmp_path / "var" / "photos").stat().st_mode & 0o077 == 0


async def test_a_store_that_is_gone_is_retryable(
    keyring: KeyRing, monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port}")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    store = PhotoStore("s3://bucket/photos", keyring.seal, keyring.open)
    with pytest.raises(PhotoStoreError) as caught:
        await store.get("a")
    assert caught.value.retryable
    assert not await store.reachable()


async def test_a_store_that_answers_is_reachable(store: PhotoStore, keyring: KeyRing) -> None:
    assert await store.reachable()
    with pytest.raises(ValueError, match="begins with"):
        PhotoStore("ftp://photos", keyring.seal, keyring.open)
