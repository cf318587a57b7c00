# For A100 hosts (driver 580 or newer: the torch wheels carry CUDA 13).
#   docker build -t n2s .
#   docker run --gpus all --ipc host -v $PWD/checkpoints:/n2s/checkpoints -v $PWD/data:/data:ro -v n2s-cache:/cache n2s fit --config meg_contrastive
# Runs are in checkpoints/ here, recordings in data/ here (roots of studies are relative to it), prepared data in the volume n2s-cache.
FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends git libsndfile1 && rm -rf /var/lib/apt/lists/*
WORKDIR /n2s
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY n2s ./n2s
COPY configs ./configs
RUN pip install --no-cache-dir --constraint constraints.txt --editable ".[sim]" && python -c "import torch, torchaudio"
RUN useradd --create-home n2s && mkdir /cache /data checkpoints && chown n2s /cache checkpoints
USER n2s
ENV N2S_DATA=/data N2S_CACHE=/cache HF_HOME=/cache/huggingface
ENTRYPOINT ["n2s"]
