"""A real S3 server of the tests' own: moto's, in a process on a free port of 127.0.0.1. It checks who signs the requests."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3

from tests import postgres

REGION = "ap-southeast-3"
STARTS_WITHIN_S = 30.0
_POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
_UNSIGNED = 3  # making the user, its key and its policy; from then on a signature must be right


class ObjectStore(AbstractContextManager["ObjectStore"]):
    """Runs while the block runs. `environment` is what a client needs to know, as AWS_ variables."""

    def __init__(self) -> None:
        self.port = postgres.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment: dict[str, str] = {}

    def __enter__(self) -> ObjectStore:
        with tempfile.NamedTemporaryFile(prefix="perlinsos-s3-", suffix=".log", delete=False) as log:
            self._log = Path(log.name)
            self._server = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
                env={**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": str(_UNSIGNED)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait()
            self.environment = self._user()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.terminate()
        self._server.wait(timeout=10)
        self._log.unlink()

    def make_bucket(self, name: str) -> None:
        client = self._client("s3", self.environment["AWS_ACCESS_KEY_ID"], self.environment["AWS_SECRET_ACCESS_KEY"])
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})

    def raw(self, bucket: str) -> dict[str, bytes]:
        """Every object of a bucket as it rests there, by its whole name."""
        client = self._client("s3", self.environment["AWS_ACCESS_KEY_ID"], self.environment["AWS_SECRET_ACCESS_KEY"])
        names = [found["Key"] for found in client.list_objects_v2(Bucket=bucket).get("Contents", [])]
        return {name: client.get_object(Bucket=bucket, Key=name)["Body"].read() for name in names}

    def _user(self) -> dict[str, str]:
        iam = self._client("iam", "any", "any")
        iam.create_user(UserName="perlinsos")
        key = iam.create_access_key(UserName="perlinsos")["AccessKey"]
        iam.put_user_policy(UserName="perlinsos", PolicyName="photos", PolicyDocument=_POLICY)
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }

    def _client(self, service: str, key: str, secret: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
        )

    def _wait(self) -> None:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while self._server.poll() is None and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/moto-api/data.json", timeout=5):
                    return
            except urllib.error.URLError:
                time.sleep(0.05)
        raise RuntimeError(f"the S3 server did not start: {self._log.read_text(errors='replace')[-2000:]}")
