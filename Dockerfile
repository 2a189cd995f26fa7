# The image of the site: web, worker and one-off commands run from the same one. docs/operations.md says how.

FROM node:24-slim AS front-end
WORKDIR /site
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY static static
RUN npm run build

FROM python:3.13-slim AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements/production.txt .
# Only ready-made packages: a compiler is neither here nor needed.
RUN /venv/bin/pip install --require-hashes --only-binary=:all: --requirement production.txt

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MEDIA_ROOT=/media
WORKDIR /site
COPY --from=packages /venv /venv
COPY manage.py gunicorn.conf.py ./
COPY safetyhub safetyhub
COPY partners partners
COPY casestudies casestudies
COPY enquiries enquiries
COPY templates templates
COPY sample_content sample_content
COPY --from=front-end /site/static static
# collectstatic reads the settings but uses none of these.
RUN SECRET_KEY=unused ALLOWED_HOSTS=unused SITE_URL=https://unused.example \
    DATABASE_URL=postgres:///unused EMAIL_URL=smtp://unused \
    python manage.py collectstatic --no-input --verbosity 0 \
    # The root file system is read-only later: compile now.
    && python -m compileall -q . \
    # Whatever a strict umask left on the machine that builds.
    && chmod -R a+rX . \
    # A new volume takes over this owner.
    && install --directory --owner=10001 --group=10001 --mode=0750 /media
USER 10001:10001
VOLUME /media
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["python", "-m", "safetyhub.healthcheck"]
CMD ["gunicorn", "safetyhub.wsgi"]
