"""Addresses of case studies, themes and reports."""

from django.urls import path

from casestudies import views, views_reports

app_name = "casestudies"

urlpatterns = [
    path("", views.HomeView.as_view(), name="home"),
    path("case-studies/", views.CaseStudyListView.as_view(), name="casestudy_list"),
    path("case-studies/<slug:slug>/", views.CaseStudyDetailView.as_view(), name="casestudy_detail"),
    path("case-studies/<slug:slug>/resources/<int:pk>/", views.resource_file, name="resource_file"),
    path("suggestions/", views.suggestions, name="suggestions"),
    path("themes/", views.ThemeListView.as_view(), name="theme_list"),
    path("themes/<slug:slug>/", views.ThemeDetailView.as_view(), name="theme_detail"),
    path("reports/", views_reports.ReportListView.as_view(), name="report_list"),
    path("reports/<slug:slug>/", views_reports.ReportDetailView.as_view(), name="report_detail"),
    path("reports/<slug:slug>/cover.webp", views_reports.report_cover, name="report_cover"),
    path("reports/<slug:slug>/<slug:name>.pdf", views_reports.report_pdf, name="report_pdf"),
]
