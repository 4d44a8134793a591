// SPDX-License-Identifier: MIT
// One push over QtDBus that waits for its reply, at most two seconds. Works with Qt 5 and Qt 6.
//
//   c++ -fPIC push_qt.cpp $(pkg-config --cflags --libs Qt6DBus)
//
// While an event loop runs, asyncCall alone will do. The last push before the exit waits.
#include <QtCore/QCoreApplication>
#include <QtDBus/QDBusConnection>
#include <QtDBus/QDBusMessage>
#include <QtDBus/QDBusPendingCall>

static QDBusPendingCall push(const QVariantMap &samples)
{
    auto call = QDBusMessage::createMethodCall(
        QStringLiteral("org.telemetryd.Telemetry1"), QStringLiteral("/org/telemetryd/Telemetry1"),
        QStringLiteral("org.telemetryd.Telemetry1"), QStringLiteral("PushMany"));
    call.setArguments({QStringLiteral("org.example.Painter"), samples});
    return QDBusConnection::sessionBus().asyncCall(call, 2000); // milliseconds; 25 s without a number
}

int main(int argc, char **argv)
{
    QCoreApplication core(argc, argv);
    push({{QStringLiteral("undo"), 3}}).waitForFinished();
    return 0;
}
