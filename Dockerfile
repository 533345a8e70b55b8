# docker build --tag affekt .
# docker run --read-only --cap-drop ALL --security-opt no-new-privileges --publish 127.0.0.1:8000:8000 affekt

FROM node:22-slim AS page
WORKDIR /build
COPY web web
COPY src/affekt/server/page src/affekt/server/page
RUN npm install --prefix web --no-package-lock --ignore-scripts --no-audit --no-fund \
 && npm run --prefix web build

FROM python:3.11-slim
ENV AFFEKT_HOME=/opt/affekt PYTHONUNBUFFERED=1
WORKDIR /build
COPY pyproject.toml requirements.txt README.md LICENSE LICENSES.md ./
COPY scripts/hatch_build.py scripts/
COPY src src
COPY --from=page /build/src/affekt/server/page src/affekt/server/page
# A container that is read-only cannot fetch the face detector later.
RUN sed '/^-e/d' requirements.txt > pins.txt \
 && pip install --no-cache-dir --constraint pins.txt ".[serve]" \
 && rm -r /build/* \
 && affekt setup
WORKDIR /
USER 10001:10001
EXPOSE 8000
# Past http_proxy, which the container may need for other addresses.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "from urllib.request import ProxyHandler, build_opener; \
build_opener(ProxyHandler({})).open('http://127.0.0.1:8000/v1/health', timeout=4)"]
# Inside the container only; who reaches it from outside is up to --publish.
ENTRYPOINT ["affekt", "serve", "--host", "0.0.0.0"]
