#include "proto/date.h"

#include "proto/bytes.h"

#define SECONDS_PER_DAY INT64_C(86400)
#define DATE_FIRST      INT64_C(-62135596800) /* 0001-01-01 00:00:00 */
#define DAY_FIRST       (DATE_FIRST / SECONDS_PER_DAY)
#define DATE_LAST       INT64_C(253402300799) /* 9999-12-31 23:59:59 */

enum { YEAR_FIRST = 1, YEAR_LAST = 9999, DAYS_400_YEARS = 146097 };

struct date {
    int year;
    int month; /* 0 to 11 */
    int day;   /* from 1 */
    int hour;
    int minute;
    int second; /* 60: a leap second */
};

static const char date_weekdays[7][10] = { "Thursday", "Friday",  "Saturday", "Sunday",
                                           "Monday",   "Tuesday", "Wednesday" };
static const char date_months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

/* Days before a month that begins in March: then the leap day is the last of the year. */
static int date_days_before(int month)
{
    return (153 * ((month + 10) % 12) + 2) / 5;
}

/* Days from 1970-01-01 to a day of a year from 1 on. */
static int64_t date_to_days(int year, int month, int day)
{
    int counted = year - (month < 2); /* the year its March lies in */

    return (int64_t)counted * 365 + counted / 4 - counted / 100 + counted / 400 +
           date_days_before(month) + day - 719469;
}

static int date_month_days(int year, int month)
{
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return month == 1 ? 28 + leap : 30 + ((month + (month > 6)) % 2 == 0);
}

static struct date date_of(int64_t seconds)
{
    int64_t days = (seconds - DATE_FIRST) / SECONDS_PER_DAY + DAY_FIRST; /* rounded down */
    int rest = (int)((seconds - DATE_FIRST) % SECONDS_PER_DAY);
    struct date date = { .hour = rest / 3600, .minute = rest / 60 % 60, .second = rest % 60 };

    /* By the mean year: a year too early at times, never too late. */
    date.year = YEAR_FIRST + (int)((days - DAY_FIRST) * 400 / DAYS_400_YEARS);
    while (date_to_days(date.year + 1, 0, 1) <= days)
        date.year++;
    while (date.month < 11 && date_to_days(date.year, date.month + 1, 1) <= days)
        date.month++;
    date.day = 1 + (int)(days - date_to_days(date.year, date.month, 1));
    return date;
}

static char *date_put(char *out, int number, int digits)
{
    for (int i = digits; i-- > 0; number /= 10)
        out[i] = (char)('0' + number % 10);
    return out + digits;
}

void date_format(int64_t seconds, char out[DATE_SIZE])
{
    int64_t clamped = seconds < DATE_FIRST ? DATE_FIRST : seconds > DATE_LAST ? DATE_LAST : seconds;
    int64_t days = (clamped - DATE_FIRST) / SECONDS_PER_DAY;
    struct date date = date_of(clamped);

    memcpy(out, "Day, 00 Mon 0000 00:00:00 GMT", DATE_SIZE);
    memcpy(out, date_weekdays[(days + 4) % 7], 3); /* the first of all days was a Monday */
    memcpy(out + 8, date_months[date.month], 3);
    date_put(out + 5, date.day, 2);
    date_put(out + 12, date.year, 4);
    date_put(out + 17, date.hour, 2);
    date_put(out + 20, date.minute, 2);
    date_put(out + 23, date.second, 2);
}

/* ---- reading ---- */

static bool date_digits(const char *text, int digits, int *number)
{
    *number = 0;
    for (int i = 0; i < digits; i++) {
        if (!byte_is_digit(text[i]))
            return false;
        *number = *number * 10 + (text[i] - '0');
    }
    return true;
}

static bool date_month(const char *text, int *month)
{
    for (*month = 0; *month < 12; ++*month) {
        if (!memcmp(text, date_months[*month], 3))
            return true;
    }
    return false;
}

/* "08:49:37" */
static bool date_time(const char *text, struct date *date)
{
    return date_digits(text, 2, &date->hour) && text[2] == ':' &&
           date_digits(text + 3, 2, &date->minute) && text[5] == ':' &&
           date_digits(text + 6, 2, &date->second);
}

/* Does the text begin with the name of a day, in full or its first three letters?  Its length, or
 * 0. */
static size_t date_weekday(struct span text, bool full)
{
    for (int i = 0; i < 7; i++) {
        size_t size = full ? strlen(date_weekdays[i]) : 3;

        if (text.size > size && !memcmp(text.data, date_weekdays[i], size))
            return size;
    }
    return 0;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool date_read_fixed(struct span text, struct date *date)
{
    const char *at = text.data;

    return text.size == DATE_SIZE && date_weekday(text, false) && !memcmp(at + 3, ", ", 2) &&
           date_digits(at + 5, 2, &date->day) && at[7] == ' ' && date_month(at + 8, &date->month) &&
           at[11] == ' ' && date_digits(at + 12, 4, &date->year) && at[16] == ' ' &&
           date_time(at + 17, date) && !memcmp(at + 25, " GMT", 4);
}

/* A year of two digits is the one that is at most 50 years ahead. */
static int date_century(int year, int64_t now_seconds)
{
    int64_t now = now_seconds < DATE_FIRST  ? DATE_FIRST
                  : now_seconds > DATE_LAST ? DATE_LAST
                                            : now_seconds;
    int last = date_of(now).year + 50;

    return last - ((last - year) % 100 + 100) % 100;
}

/* "Sunday, 06-Nov-94 08:49:37 GMT" */
static bool date_read_dashed(struct span text, int64_t now_seconds, struct date *date)
{
    enum { BEHIND_NAME = 24 };
    size_t size = date_weekday(text, true);
    const char *at;

    if (size == 0 || text.size != size + BEHIND_NAME)
        return false;
    at = text.data + size;
    if (memcmp(at, ", ", 2) != 0 || !date_digits(at + 2, 2, &date->day) || at[4] != '-' ||
        !date_month(at + 5, &date->month) || at[8] != '-' || !date_digits(at + 9, 2, &date->year) ||
        at[11] != ' ' || !date_time(at + 12, date) || memcmp(at + 20, " GMT", 4) != 0)
        return false;
    date->year = date_century(date->year, now_seconds);
    return true;
}

/* "Sun Nov  6 08:49:37 1994" */
static bool date_read_c(struct span text, struct date *date)
{
    enum { WHOLE = 24 };
    const char *at = text.data;

    if (text.size != WHOLE || !date_weekday(text, false) || at[3] != ' ' ||
        !date_month(at + 4, &date->month) || at[7] != ' ')
        return false;
    if (at[8] == ' ' ? !date_digits(at + 9, 1, &date->day) : !date_digits(at + 8, 2, &date->day))
        return false;
    return at[10] == ' ' && date_time(at + 11, date) && at[19] == ' ' &&
           date_digits(at + 20, 4, &date->year);
}

bool date_parse(struct span text, int64_t now_seconds, int64_t *seconds)
{
    struct date date;

    if (!date_read_fixed(text, &date) && !date_read_c(text, &date) &&
        !date_read_dashed(text, now_seconds, &date))
        return false;
    if (date.year < YEAR_FIRST || date.year > YEAR_LAST || date.day < 1 ||
        date.day > date_month_days(date.year, date.month) || date.hour > 23 || date.minute > 59 ||
        date.second > 60)
        return false;
    *seconds = date_to_days(date.year, date.month, date.day) * SECONDS_PER_DAY + date.hour * 3600 +
               date.minute * 60 + date.second;
    return true;
}
