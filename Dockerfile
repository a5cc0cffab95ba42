# One image for every Airflow service. What a container may do is decided by the secrets that are mounted into it.
FROM python:3.11.14-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    AIRFLOW_HOME=/opt/airflow \
    NUMBA_CACHE_DIR=/opt/winddown/compiled \
    PYTHONPATH=/opt/winddown/include \
    GX_ANALYTICS_ENABLED=false

# The folders belong to the user before a volume is mounted over them, because a new volume copies their owner.
RUN groupadd --gid 50000 winddown \
    && useradd --uid 50000 --gid 50000 --no-create-home --home-dir /opt/airflow --shell /usr/sbin/nologin winddown \
    && install -d -m 0755 /opt/winddown \
    && install -d -o winddown -g winddown -m 0700 /opt/winddown/compiled /opt/airflow /opt/airflow/logs /var/lib/winddown

# The lock names every file by its hash; a package that is not in it is not installed.
COPY requirements.txt /tmp/requirements.txt
RUN python -m pip install --require-hashes --no-deps --requirement /tmp/requirements.txt \
    && rm /tmp/requirements.txt

COPY --chmod=0755 docker/entrypoint.sh /usr/local/bin/entrypoint
COPY --chmod=0755 docker/secret_url.py /usr/local/bin/secret-url
COPY --chmod=0755 docker/connections_file.py /usr/local/bin/connections-file
COPY include /opt/winddown/include
COPY dags /opt/winddown/dags
COPY plugins /opt/winddown/plugins
COPY LICENSE NOTICE /opt/winddown/

USER 50000:50000
WORKDIR /opt/winddown
# Recognisers and readers are compiled once here, not in every container. Compiled code is used only where it can be written.
RUN python -m winddown.compilation
ENTRYPOINT ["entrypoint"]
CMD ["airflow", "version"]
