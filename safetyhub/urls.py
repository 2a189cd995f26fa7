"""Every address of the site: a public contract, see docs. Old addresses redirect; they never break."""

from django.contrib import admin
from django.contrib.sitemaps.views import sitemap as sitemap_part
from django.urls import include, path

from safetyhub import views
from safetyhub.sitemaps import SITEMAPS, sitemap

urlpatterns = [
    path("", include("casestudies.urls")),
    path("", include("enquiries.urls")),
    path("", include("partners.urls")),
    path("about/", views.about, name="about"),
    path("accessibility/", views.accessibility, name="accessibility"),
    path("privacy/", views.privacy, name="privacy"),
    path("cookies/", views.cookies, name="cookies"),
    path("robots.txt", views.robots_txt, name="robots_txt"),
    path("sitemap.xml", sitemap, name="sitemap"),
    path("sitemap-<section>.xml", sitemap_part, {"sitemaps": SITEMAPS}, name="sitemap_part"),
    path(".well-known/security.txt", views.security_txt, name="security_txt"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("admin/", admin.site.urls),
]

handler400 = "safetyhub.views.bad_request"
handler403 = "safetyhub.views.permission_denied"
handler404 = "safetyhub.views.page_not_found"
handler500 = "safetyhub.views.server_error"
