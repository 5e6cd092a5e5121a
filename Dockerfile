# syntax=docker/dockerfile:1
# Two images: `service` for every role, and `face`, the same with a dlib that is built here against OpenBLAS. The tree and the
# locked packages are those of `make run`; the classifier is trained while building.
FROM python:3.11.16-slim-bookworm AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/perlinsos
COPY requirements/run.lock /tmp/run.lock
RUN /opt/perlinsos/bin/pip install --no-deps --require-hashes -r /tmp/run.lock

FROM packages AS build
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY nlu nlu
COPY backend backend
COPY locales locales
# Editable, because catalogues, rule sets and training data are read from beside the code.
RUN /opt/perlinsos/bin/pip install --no-deps --no-build-isolation --editable . \
    && PERLINSOS_SANDBOX=on PERLINSOS_NLU_MODEL=/app/model/nlu.bin /opt/perlinsos/bin/perlinsos nlu train

# Why: docs/decisions/0016. Takes minutes, and only when a lock changes.
FROM packages AS dlib
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ cmake make libopenblas-dev \
    && rm -rf /var/lib/apt/lists/*
COPY requirements/dlib.lock /tmp/dlib.lock
RUN /opt/perlinsos/bin/pip wheel --no-deps --no-build-isolation --no-binary dlib --require-hashes \
    --wheel-dir /wheels -r /tmp/dlib.lock

FROM build AS build-face
COPY --from=dlib /wheels /wheels
RUN /opt/perlinsos/bin/pip uninstall --yes dlib-bin \
    && /opt/perlinsos/bin/pip install --no-deps --no-index /wheels/*.whl

FROM python:3.11.16-slim-bookworm AS base
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin perlinsos \
    && install -d -o perlinsos -g perlinsos -m 700 /data
WORKDIR /app
ENV PATH=/opt/perlinsos/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    PERLINSOS_HOST=0.0.0.0 \
    PERLINSOS_PORT=8000 \
    PERLINSOS_DATA_DIR=/tmp/perlinsos \
    PERLINSOS_NLU_MODEL=/app/model/nlu.bin \
    NICEGUI_STORAGE_PATH=/tmp/nicegui
EXPOSE 8000
ENTRYPOINT ["perlinsos"]
CMD ["serve"]

FROM base AS face
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libopenblas0-pthread \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build-face /opt/perlinsos /opt/perlinsos
COPY --from=build-face /app /app
USER 10001:10001

FROM base AS service
COPY --from=build /opt/perlinsos /opt/perlinsos
COPY --from=build /app /app
USER 10001:10001
