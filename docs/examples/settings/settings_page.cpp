// SPDX-License-Identifier: MIT
// An application's own settings page, with "Telemetry settings…" beside its other settings. Works with Qt 5 and Qt 6.
//
//   c++ -fPIC settings_page.cpp $(pkg-config --cflags --libs Qt6Widgets Qt6DBus)
//
// The button opens the user's telemetry settings at this application's page. It has no state, badge or switch: an application
// cannot know what the user chose. It is hidden where telemetryd is not installed.
#include <QtCore/QLocale>
#include <QtDBus/QDBusConnection>
#include <QtDBus/QDBusMessage>
#include <QtDBus/QDBusPendingCallWatcher>
#include <QtDBus/QDBusPendingReply>
#include <QtWidgets/QApplication>
#include <QtWidgets/QCheckBox>
#include <QtWidgets/QFormLayout>
#include <QtWidgets/QLabel>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QSpinBox>

struct Texts {
    const char *language, *button, *description;
};

static const Texts texts[] = {
    {"en", "Telemetry settings…", "Shows what this application may measure and send. You decide there."},
    {"ar", "إعدادات القياس عن بُعد…", "تعرض ما يجوز لهذا التطبيق قياسه وإرساله. أنت تقرّر هناك."},
    {"de", "Telemetrie-Einstellungen …", "Zeigt, was diese Anwendung messen und senden darf. Dort entscheiden Sie."},
    {"ja", "テレメトリーの設定…", "このアプリケーションが測定し送信できるものを表示します。決めるのはあなたです。"},
};

static const Texts &textsOf(const QString &language)
{
    for (const Texts &one : texts)
        if (language == QLatin1String(one.language))
            return one;
    return texts[0];
}

// Calls without waiting; the watcher finishes after two seconds at most.
static QDBusPendingCallWatcher *ask(QObject *owner, const QDBusMessage &call)
{
    return new QDBusPendingCallWatcher(QDBusConnection::sessionBus().asyncCall(call, 2000), owner);
}

// What the telemetry settings stay above, as the desktop portals name it. It works on X11.
static QString nameOf(const QWidget *window)
{
    const bool isX11 = QGuiApplication::platformName() == QLatin1String("xcb");
    return isX11 ? QStringLiteral("x11:%1").arg(window->winId(), 0, 16) : QString();
}

// `failure` shows why nothing opened, if nothing did.
static QPushButton *telemetryButton(const QString &application, QLabel *failure)
{
    const QString name = QStringLiteral("org.telemetryd.Telemetry1"), bus = QStringLiteral("org.freedesktop.DBus");
    const Texts &own = textsOf(QLocale().name().section(QLatin1Char('_'), 0, 0));
    auto button = new QPushButton(QString::fromUtf8(own.button));
    button->setToolTip(QString::fromUtf8(own.description));
    button->setAccessibleDescription(button->toolTip());
    button->hide();

    auto names = ask(button, QDBusMessage::createMethodCall(bus, QStringLiteral("/org/freedesktop/DBus"), bus,
                                                            QStringLiteral("ListActivatableNames")));
    QObject::connect(names, &QDBusPendingCallWatcher::finished, button, [=] {
        button->setVisible(QDBusPendingReply<QStringList>(*names).value().contains(name));
        names->deleteLater();
    });
    QObject::connect(button, &QPushButton::clicked, button, [=] {
        auto call = QDBusMessage::createMethodCall(name, QStringLiteral("/org/telemetryd/Telemetry1"), name,
                                                   QStringLiteral("OpenSettings"));
        call.setArguments({application, nameOf(button->window()), QVariantMap()});
        auto opened = ask(button, call);
        QObject::connect(opened, &QDBusPendingCallWatcher::finished, failure, [=] {
            failure->setText(opened->isError() ? opened->error().message() : QString());
            opened->deleteLater();
        });
    });
    return button;
}

int main(int argc, char **argv)
{
    QApplication program(argc, argv);
    QWidget page;
    auto layout = new QFormLayout(&page);
    auto failure = new QLabel;
    failure->setWordWrap(true);
    layout->addRow(QStringLiteral("Undo steps:"), new QSpinBox);
    layout->addRow(new QCheckBox(QStringLiteral("Show the grid")));
    layout->addRow(telemetryButton(QStringLiteral("org.example.Painter"), failure));
    layout->addRow(failure);
    page.show();
    return program.exec();
}
