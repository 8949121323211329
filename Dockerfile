# The reader app, the reports and MLflow, without torch; compose.yaml puts it beside PostgreSQL. The image holds no study, no volume and no secret.
FROM python:3.11.13-slim-bookworm

# A fixed number, so that files on the host and in volumes keep their owner.
RUN useradd --uid 1000 --create-home reader \
    && install --directory --owner reader /studies /mlflow
WORKDIR /app

# What is installed depends on these two files alone: a change of the code keeps this layer.
COPY constraints.txt pyproject.toml ./
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
extras = p['optional-dependencies']; \
print(*p['dependencies'], *extras['analysis'], *extras['reader'], *extras['postgresql'], *extras['dashboard'], sep='\n')" \
        > requirements.txt \
    && pip install --no-cache-dir --constraint constraints.txt --requirement requirements.txt

COPY README.md LICENSE ./
COPY evalsuite evalsuite
COPY generator generator
COPY reader_app reader_app
COPY reports reports
# The image has no git: docker compose build --build-arg VERSION=$(git describe --tags)
ARG VERSION=0.1.0
RUN SETUPTOOLS_SCM_PRETEND_VERSION="$VERSION" pip install --no-cache-dir --no-deps --editable .

USER reader
# A container is reached through published ports alone; compose.yaml publishes on loopback. With
# the second address Streamlit does not ask the internet for its own.
ENV EVALSUITE_STUDIES=/studies \
    STREAMLIT_SERVER_ADDRESS=0.0.0.0 \
    STREAMLIT_BROWSER_SERVER_ADDRESS=localhost
EXPOSE 8501
CMD ["streamlit", "run", "reader_app"]
