#ifndef API_VERSION_H
#define API_VERSION_H

#define UWO_VERSION_TEXT "0.1.0"

#endif
