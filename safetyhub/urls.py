"""Every address of the site: a public contract, see docs. Old addresses redirect; they never break."""

from django.contrib import admin
from django.contrib.sitemaps.views import sitemap
from django.urls import include, path

from safetyhub import views
from safetyhub.sitemaps import SITEMAPS, sitemap_index

urlpatterns = [
    path("", include("casestudies.urls")),
    path("", include("enquiries.urls")),
    path("", include("partners.urls")),
    path("about/", views.about, name="about"),
    path("accessibility/", views.accessibility, name="accessibility"),
    path("privacy/", views.privacy, name="privacy"),
    path("cookies/", views.cookies, name="cookies"),
    path("robots.txt", views.robots, name="robots"),
    path("sitemap.xml", sitemap_index, name="sitemap_index"),
    path("sitemap-<section>.xml", sitemap, {"sitemaps": SITEMAPS}, name="sitemap"),
    path(".well-known/security.txt", views.security, name="security"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("admin/", admin.site.urls),
]

handler400 = "safetyhub.views.bad_request"
handler403 = "safetyhub.views.permission_denied"
handler404 = "safetyhub.views.page_not_found"
handler500 = "safetyhub.views.server_error"
