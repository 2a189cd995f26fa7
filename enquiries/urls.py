"""Addresses of enquiries."""

from django.urls import path

from enquiries import views

app_name = "enquiries"

urlpatterns = [
    path("case-studies/<slug:slug>/contact/", views.EnquiryCreateView.as_view(), name="enquiry_create"),
    path("enquiries/<str:token>/", views.EnquiryDetailView.as_view(), name="enquiry_detail"),
]
