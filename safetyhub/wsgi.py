"""The WSGI application that gunicorn serves: Django, behind the pages that are kept."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safetyhub.settings")

from safetyhub.pagecache import PageCache  # it reads the settings that the line above names

application = PageCache(get_wsgi_application())
