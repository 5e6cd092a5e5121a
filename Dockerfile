# syntax=docker/dockerfile:1
# The same tree and the same locked packages as `make run`; the classifier is trained while building.
FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/perlinsos
COPY requirements/run.lock /tmp/run.lock
RUN /opt/perlinsos/bin/pip install --no-deps --require-hashes -r /tmp/run.lock
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY nlu nlu
COPY backend backend
COPY locales locales
# Editable, because catalogues, rule sets and training data are read from beside the code.
RUN /opt/perlinsos/bin/pip install --no-deps --no-build-isolation --editable . \
    && PERLINSOS_SANDBOX=on PERLINSOS_NLU_MODEL=/app/model/nlu.bin /opt/perlinsos/bin/perlinsos nlu train

FROM python:3.11-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin perlinsos \
    && install -d -o perlinsos -g perlinsos -m 700 /data
COPY --from=build /opt/perlinsos /opt/perlinsos
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/opt/perlinsos/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PERLINSOS_HOST=0.0.0.0 \
    PERLINSOS_PORT=8000 \
    PERLINSOS_DATA_DIR=/data \
    PERLINSOS_MEDIA_URL=file:/data/photos \
    PERLINSOS_NLU_MODEL=/app/model/nlu.bin \
    NICEGUI_STORAGE_PATH=/data/nicegui
USER 10001:10001
VOLUME /data
EXPOSE 8000
ENTRYPOINT ["perlinsos"]
CMD ["serve"]
