from django.views.generic import TemplateView


class EnquiryCreateView(TemplateView):
    pass


class EnquiryDetailView(TemplateView):
    pass
