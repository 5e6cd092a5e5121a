"""The photo store on a real folder, on a real S3 server and in memory: sealed, bound to its key, erasable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from backend.crypto import KeyRing, KeyRingError
from backend.gateways.photo_store import KeysRefused, NoBucket, PhotoMissing, PhotoStore, PhotoStoreError
from tests import faces_support as pictures
from tests.object_store import ObjectStore

PHOTO = pictures.portrait("collins")
_buckets = count(1)

Rests = Callable[[], dict[str, bytes]]
"""What lies in the store as it lies there, by the end of its name."""


@pytest.fixture(scope="module")
def object_store() -> Iterator[ObjectStore]:
    with ObjectStore() as server:
        yield server


@pytest.fixture
def keys_in_environment(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    for name, value in object_store.environment.items():
        monkeypatch.setenv(name, value)
    return object_store


@pytest.fixture
def s3(keys_in_environment: ObjectStore, keyring: KeyRing) -> tuple[PhotoStore, Rests]:
    bucket = f"photos-{next(_buckets)}"
    keys_in_environment.make_bucket(bucket)
    store = PhotoStore(f"s3://{bucket}/of/all", keyring.seal, keyring.open)
    return store, lambda: {name.removeprefix("of/all/"): d for name, d in keys_in_environment.raw(bucket).items()}


@pytest.fixture
def folder(tmp_path: Path, keyring: KeyRing) -> tuple[PhotoStore, Rests]:
    place = tmp_path / "photos"
    store = PhotoStore(f"file:{place}", keyring.seal, keyring.open)
    return store, lambda: {str(p.relative_to(place)): p.read_bytes() for p in place.rglob("*") if p.is_file()}


@pytest.fixture(params=["folder", "s3"])
def kept(request: pytest.FixtureRequest) -> tuple[PhotoStore, Rests]:
    """The test runs twice, on a folder and on an S3 server: the store, and what rests in it."""
    found: tuple[PhotoStore, Rests] = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["folder", "s3", "memory"])
def store(request: pytest.FixtureRequest, keyring: KeyRing) -> PhotoStore:
    if request.param == "memory":
        return PhotoStore("memory:", keyring.seal, keyring.open)
    found: PhotoStore = request.getfixturevalue(request.param)[0]
    return found


async def listed(store: PhotoStore) -> list[str]:
    return sorted([key async for page in store.pages() for key in page])


async def test_a_photo_comes_back_until_it_is_erased(store: PhotoStore) -> None:
    await store.put("selfie/7f3a", PHOTO)
    await store.put("selfie/7f3b", b"another")
    assert await store.get("selfie/7f3a") == PHOTO
    await store.put("selfie/7f3a", b"replaced")
    assert await store.get("selfie/7f3a") == b"replaced"
    assert await listed(store) == ["selfie/7f3a", "selfie/7f3b"]
    await store.delete("selfie/7f3a")
    await store.delete("selfie/7f3a")
    with pytest.raises(PhotoMissing) as caught:
        await store.get("selfie/7f3a")
    assert not caught.value.retryable
    assert await store.get("selfie/7f3b") == b"another"
    assert await listed(store) == ["selfie/7f3b"]


async def test_many_photos_are_listed_whole(store: PhotoStore) -> None:
    names = [f"selfie/{number:04}" for number in range(1100)]
    for start in range(0, len(names), 100):
        await asyncio.gather(*(store.put(name, b"x") for name in names[start : start + 100]))
    assert await listed(store) == names


async def test_nothing_readable_rests_in_the_store(kept: tuple[PhotoStore, Rests]) -> None:
    store, rests = kept
    await store.put("selfie/7f3a", PHOTO)
    assert list(rests()) == ["selfie/7f3a"]
    resting = rests()["selfie/7f3a"]
    assert b"JFIF" not in resting
    assert PHOTO[1000:1016] not in resting
    await store.delete("selfie/7f3a")
    assert not rests()


async def test_an_object_put_in_anothers_place_does_not_open(tmp_path: Path, keyring: KeyRing) -> None:
    store = PhotoStore(f"file:{tmp_path}", keyring.seal, keyring.open)
    await store.put("a", PHOTO)
    await store.put("b", b"mine")
    (tmp_path / "a").replace(tmp_path / "b")
    with pytest.raises(KeyRingError):
        await store.get("b")


@pytest.mark.parametrize("key", ["", "../etc/passwd", "a/../b", "/a", "a//b", "a b", "é", "x" * 81, "a/b/c/d/e/f"])
async def test_a_key_cannot_leave_the_store(folder: tuple[PhotoStore, Rests], key: str) -> None:
    store, _ = folder
    for attempt in (store.put(key, b""), store.get(key), store.delete(key)):
        with pytest.raises(ValueError, match="a photo's key"):
            await attempt


@pytest.mark.parametrize("url", ["file:var/photos", "file://{}/var/photos"])
async def test_a_folder_is_relative_or_absolute(
    tmp_path: Path, keyring: KeyRing, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.chdir(tmp_path)
    store = PhotoStore(url.format(tmp_path), keyring.seal, keyring.open)
    await store.put("a", b"x")
    assert (tmp_path / "var" / "photos" / "a").is_file()
    assert (tmp_path / "var" / "photos").stat().st_mode & 0o077 == 0


async def test_a_store_that_answers_is_healthy(store: PhotoStore, keyring: KeyRing) -> None:
    assert await store.health() == "ok"
    with pytest.raises(ValueError, match="begins with"):
        PhotoStore("ftp://photos", keyring.seal, keyring.open)


async def test_a_missing_bucket_is_no_missing_photo(keys_in_environment: ObjectStore, keyring: KeyRing) -> None:
    """A citizen would be asked for the photo again, and an erasure would count as done."""
    store = PhotoStore("s3://not-made-yet/photos", keyring.seal, keyring.open)
    assert await store.health() == "no bucket"
    for attempt in (store.put("a", b"x"), store.get("a"), store.delete("a"), listed(store)):
        with pytest.raises(NoBucket) as caught:
            await attempt
        assert caught.value.retryable
    keys_in_environment.make_bucket("not-made-yet")
    await store.put("a", b"x")
    assert await store.get("a") == b"x"


@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
async def test_wrong_keys_are_named_and_not_told(
    s3: tuple[PhotoStore, Rests], keyring: KeyRing, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "not-this-one")
    store = PhotoStore(f"s3://photos-{next(_buckets) - 1}", keyring.seal, keyring.open)
    assert await store.health() == "keys refused"
    with pytest.raises(KeysRefused) as caught:
        await store.put("a", b"x")
    assert caught.value.retryable
    assert "not-this-one" not in str(caught.value)


async def test_a_store_that_is_gone_is_retryable(
    keys_in_environment: ObjectStore, keyring: KeyRing, monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port}")
    store = PhotoStore("s3://bucket/photos", keyring.seal, keyring.open)
    with pytest.raises(PhotoStoreError) as caught:
        await store.get("a")
    assert type(caught.value) is PhotoStoreError
    assert caught.value.retryable
    assert await store.health() == "no answer"


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """An address that takes connections and never says a word."""

    async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def test_a_store_that_hangs_holds_no_readiness_check(
    keys_in_environment: ObjectStore, keyring: KeyRing, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", silent)
    monkeypatch.setattr("backend.gateways.photo_store.HEALTH_WITHIN", 0.3)
    store = PhotoStore("s3://bucket/photos", keyring.seal, keyring.open)
    async with asyncio.timeout(3):
        assert await store.health() == "no answer"


async def test_something_else_at_the_address_is_no_store(
    keys_in_environment: ObjectStore, keyring: KeyRing, monkeypatch: pytest.MonkeyPatch, sandbox: str
) -> None:
    """A web server that knows no such page must not look like a store without photos."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", sandbox)
    store = PhotoStore("s3://bucket/photos", keyring.seal, keyring.open)
    assert await store.health() == "no answer"
    with pytest.raises(PhotoStoreError) as caught:
        await store.get("a")
    assert caught.value.retryable
