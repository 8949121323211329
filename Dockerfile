# The reader app and the command line of evalsuite; compose.yaml puts it beside PostgreSQL and
# MLflow. The image holds no study, no volume and no secret.
FROM python:3.11-slim-bookworm

WORKDIR /app
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY evalsuite evalsuite
COPY generator generator
COPY reader_app reader_app
COPY reports reports
# The extra index has PyTorch's build without CUDA, which is several gigabytes smaller.
RUN pip install --no-cache-dir --constraint constraints.txt \
        --extra-index-url https://download.pytorch.org/whl/cpu \
        --editable ".[reader,postgresql]" \
    && useradd --create-home reader \
    && install --directory --owner reader /studies /mlflow

USER reader
# A container is reached through published ports alone; compose.yaml publishes on loopback. With
# the second address Streamlit does not ask the internet for its own.
ENV EVALSUITE_STUDIES=/studies \
    STREAMLIT_SERVER_ADDRESS=0.0.0.0 \
    STREAMLIT_BROWSER_SERVER_ADDRESS=localhost
EXPOSE 8501
CMD ["streamlit", "run", "reader_app"]
